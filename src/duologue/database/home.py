"""Where the embedded PostgreSQL lives, and whom it runs as."""

import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from duologue.child import Account
from duologue.database.lock import make_folder
from duologue.database.passage import may_pass
from duologue.errors import StartError

__all__ = ["Home", "find_home"]

# sun_path holds 108 bytes on Linux and 104 elsewhere, with a NUL at its end.
_SOCKET_PATH: Final = 103
_SOCKET_NAME: Final = "/.s.PGSQL.5432"
_POINTER: Final = "postgres.at"


@dataclass(frozen=True, slots=True)
class Home:
    """A folder of ours; inside it `data` and `socket` belong to the account PostgreSQL runs as."""

    root: Path
    account: Account | None
    """None: we are an ordinary user, and so is PostgreSQL."""
    elsewhere: bool
    """Whether it had to leave DATA_DIR, since root's PostgreSQL could not enter there."""

    @property
    def data(self) -> Path:
        """The cluster."""
        return self.root / "data"

    @property
    def password_file(self) -> Path:
        """Beside the cluster it opens."""
        return self.root / "password"

    @property
    def start_log(self) -> Path:
        """What a server says before it opens its own log."""
        return self.root / "start.log"

    @property
    def major(self) -> int | None:
        """The major version that made the data; None where there is none yet."""
        try:
            return int((self.data / "PG_VERSION").read_text().strip())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StartError(f"The data in {self.data} cannot be read: {error.strerror}.") from None
        except ValueError:
            raise StartError(f"{self.data / 'PG_VERSION'} is damaged: it should hold a version number.") from None

    def own(self, path: Path) -> None:
        """Give a folder or file to the account, for nobody else to read."""
        path.chmod(0o700 if path.is_dir() else 0o600)
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def make_socket_folder(self) -> Path:
        """A private folder with a path short enough for a socket: here, else under the system's temporary folder."""
        folder = self.root / "socket"
        if _fits(folder):
            folder.mkdir(exist_ok=True)
            self.own(folder)
            return folder
        name = f"duologue-{os.geteuid()}-{hashlib.sha256(bytes(self.root)).hexdigest()[:12]}"
        for base in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108
            if not base or not _fits(Path(base, name)):
                continue
            if self.account is not None and not may_pass(Path(base), self.account):
                continue
            folder = Path(base, name)
            with contextlib.suppress(OSError):
                folder.mkdir(mode=0o700, exist_ok=True)
                status = folder.lstat()
                mine = (os.geteuid(), self.account.uid if self.account else os.geteuid())
                # In a folder that all may write to, the name could be someone's trap.
                if folder.is_symlink() or status.st_uid not in mine:
                    folder = Path(tempfile.mkdtemp(prefix="duologue-", dir=base))
                self.own(folder)
                return folder
        raise StartError(f"No folder with a path short enough for a socket was found: {self.root} is too long.")

    def drop_socket_folder(self, folder: Path) -> None:
        """Remove it where it lies outside of our own folder."""
        if folder.parent != self.root:
            shutil.rmtree(folder, ignore_errors=True)


def find_home(data_dir: Path, system_dir: Path) -> Home:
    """Where the data is, or where it is going to be; a choice once made is kept."""
    make_folder(data_dir)
    local = data_dir / "postgres"
    if os.geteuid() != 0:
        return _as_ordinary_user(data_dir, local)
    pointer = data_dir / _POINTER
    if pointer.exists():
        root = Path(pointer.read_text().strip())
        if not root.is_dir():
            raise StartError(
                f"The database of {data_dir} lies in {root}, which is gone: "
                f"bring it back, or delete {pointer} to begin anew."
            )
        return Home(root, _owner(root / "data"), elsewhere=True)
    account = _owner(local / "data")
    if may_pass(data_dir, account):
        make_folder(local)
        if may_pass(local, account):
            return Home(local, account, elsewhere=False)
    if (local / "data").exists():
        raise StartError(
            f"The data in {local} belongs to user id {account.uid}, who cannot enter that folder any more: "
            f"allow it with `chmod o+x` on the folders above, or start as that user."
        )
    root = system_dir / f"{data_dir.parent.name or 'data'}-{secrets.token_hex(4)}"
    make_folder(system_dir)
    make_folder(root)
    if not may_pass(root, account):
        raise StartError(
            f"PostgreSQL cannot run as root, and user id {account.uid} cannot enter {root}: set another DATA_DIR."
        )
    pointer.write_text(f"{root}\n")
    return Home(root, account, elsewhere=True)


def _as_ordinary_user(data_dir: Path, local: Path) -> Home:
    if (data_dir / _POINTER).exists():
        raise StartError(f"The database of {data_dir} was made by root: start as root, or set another DATA_DIR.")
    make_folder(local)
    data = local / "data"
    if data.exists() and data.stat().st_uid != os.geteuid():
        raise StartError(f"{data} belongs to another user (id {data.stat().st_uid}): start as that user, or as root.")
    return Home(local, None, elsewhere=False)


def _owner(data: Path) -> Account:
    """Whom existing data belongs to; for new data `nobody`, whom every system has."""
    try:
        status = data.stat()
        if status.st_uid != 0:
            return Account(status.st_uid, status.st_gid)
    except FileNotFoundError:
        pass
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(65534, 65534)
    return Account(nobody.pw_uid, nobody.pw_gid)


def _fits(folder: Path) -> bool:
    return len(os.fsencode(str(folder) + _SOCKET_NAME)) <= _SOCKET_PATH
