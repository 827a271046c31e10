"""One process per data folder: a lock that the kernel lets go when its holder dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from duologue.child import is_alive
from duologue.errors import StartError

__all__ = ["DataLock", "make_folder"]

BURIAL_SECONDS: Final = 2.0


def make_folder(path: Path) -> None:
    """Make a private folder (and its parents) where there is none; a clear line when that cannot be."""
    try:
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            # Under root PostgreSQL runs as someone else, who has to pass through to its own folder.
            path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise StartError(f"The folder {path} cannot be made: {error.strerror}.") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise StartError(f"The folder {path} is not writable for this user.")


class DataLock:
    """`flock` on a file in the folder; the file carries its holder's pid for the message only."""

    def __init__(self, folder: Path, name: str = "duologue.lock") -> None:
        self._path = folder / name
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock or raise StartError naming the holder.

        Waits for no living holder. One that was killed while it started a program leaves the lock to that child for the
        moment between fork and exec, in which nothing is closed yet: for that moment this waits.
        """
        make_folder(self._path.parent)
        try:
            # Not inherited: an orphaned PostgreSQL must not keep it.
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"{self._path} cannot be opened: {error.strerror}.") from None
        deadline = time.monotonic() + BURIAL_SECONDS
        try:
            while not _locked(fd):
                holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
                if time.monotonic() > deadline or (holder.isdigit() and is_alive(int(holder))):
                    by = f" (pid {holder})" if holder else ""
                    raise StartError(
                        f"The data in {self._path.parent} is in use by another duologue{by}: "
                        "stop it, or set another DATA_DIR."
                    )
                time.sleep(0.01)
        except OSError as error:
            os.close(fd)
            raise StartError(f"{self._path} cannot be locked: {error.strerror}.") from None
        except StartError:
            os.close(fd)
            raise
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        self._fd = fd

    def release(self) -> None:
        """Let go; the file stays, since removing it would let two hold a lock of the same name."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
