"""E-mail addresses, as they are compared and stored."""

from email_validator import EmailNotValidError, validate_email

from duologue.errors import AppError, Code, Detail

__all__ = ["normalise_email"]


def normalise_email(text: str) -> str:
    """One spelling an address: trimmed, lower case, its domain in Unicode; `AppError` when it can not be one.

    `.test` domains (RFC 2606) pass: no mail ever leaves for them.
    """
    try:
        checked = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        reason = str(error).rstrip(".")
        raise AppError(
            Code.INVALID_INPUT, f"This is no e-mail address: {reason}.", details=[Detail("email", reason)]
        ) from None
    return checked.normalized.lower()
