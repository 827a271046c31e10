"""Mails: written into a table with what they report, sent from there, so that no answer waits for a mail server."""
