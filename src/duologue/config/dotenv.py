"""The file `.env`, with the place of a line that is none."""

import io
from pathlib import Path

from duologue.config.variables import ConfigError

__all__ = ["read_dotenv"]


def read_dotenv(path: Path) -> dict[str, str]:
    """Its names and values; empty when there is no file."""
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read: {reason}.") from None
    from dotenv.parser import parse_stream

    found: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise ConfigError(f"{path}, line {binding.original.line}: this is not NAME=value.")
        if binding.key is not None:
            found[binding.key] = binding.value or ""
    return found
