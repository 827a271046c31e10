"""The embedded PostgreSQL of a server that runs: for a command that works beside it."""

from pathlib import Path
from urllib.parse import quote

from duologue.database.home import find_home
from duologue.database.initialise import DATABASE, OWNER
from duologue.database.postmaster import is_serving, read_postmaster
from duologue.errors import StartError

__all__ = ["running_dsn"]


def running_dsn(data_dir: Path, *, system_dir: Path = Path("/var/lib/duologue")) -> str | None:
    """The DSN of that data's PostgreSQL while another duologue runs it; `None` when nobody does."""
    home = find_home(data_dir.resolve(), system_dir)
    postmaster = read_postmaster(home.data)
    if postmaster is None or not is_serving(postmaster, home.data):
        return None
    try:
        password = home.password_file.read_text().strip()
    except OSError as error:
        raise StartError(f"{home.password_file} cannot be read: {error.strerror}.") from None
    return f"postgresql://{OWNER}:{password}@/{quote(DATABASE)}?host={quote(postmaster.socket)}"
