"""Clients of other make: a browser driven by hand, a dev server as React's users have one, scripts for Node."""
