"""The secrets of development: made once, kept beside the data."""

import json
import os
import secrets
from pathlib import Path

from duologue.config.variables import SECRET_BYTES, ConfigError

__all__ = ["development_secret"]


def development_secret(data_dir: Path, name: str, *, make: bool) -> str:
    """The kept secret of that name; the first start makes all of them, readable by the owner alone."""
    path = data_dir / "secrets.json"
    try:
        if not make and not path.exists():
            return ""
        if not data_dir.exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            # Under root PostgreSQL runs as someone else, who has to pass through to its own folder.
            data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
        if not path.exists():
            made = {key: secrets.token_urlsafe(48) for key in ("jwt_secret", "jwt_refresh_secret")}
            fresh = data_dir / f".secrets-{secrets.token_hex(8)}"
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(made, file)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(fresh, path)  # Whole or not at all; the loser of a race reads the winner's.
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        kept = json.loads(path.read_text())
        value = kept[name]
        if not isinstance(value, str) or len(value) < SECRET_BYTES:
            raise ValueError
    except OSError as error:
        raise ConfigError(f"DATA_DIR={data_dir} is not usable: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{path} is damaged: delete it, and the next start makes new secrets (all sign in again)."
        ) from None
    return value
