"""Folders for data: short paths that everyone may pass through, in memory where a whole run has that to spare."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")
PREFIX = "duologue-run-"
SPARE = 4 << 30  # bytes; a run took half a gigabyte at most


@contextlib.contextmanager
def temporary_folders_in_memory() -> Iterator[None]:
    """Let this process and its children have their temporary folders there, unless somebody said where.

    A run makes files for dozens of databases: on a disk, the kernel takes a tenth of the run for that.
    """
    _sweep()
    if "TMPDIR" in os.environ or not _has_room():
        yield
        return
    folder = MEMORY / f"{PREFIX}{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o1777)  # as /tmp is
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def passable_folder() -> Iterator[Path]:
    """A temporary folder: in pytest's own, closed to others, root's PostgreSQL would leave for the system's folder."""
    base = tempfile.gettempdir()
    path = Path(tempfile.mkdtemp(prefix="duo-", dir=base if Path(base).parent == MEMORY else "/tmp"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _has_room() -> bool:
    try:
        space = os.statvfs(MEMORY)
        unused = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return False
    return os.access(MEMORY, os.W_OK) and min(space.f_bavail * space.f_frsize, unused) >= SPARE


def _sweep() -> None:
    """Remove what runs left there that were killed."""
    for left in MEMORY.glob(f"{PREFIX}*"):
        try:
            os.kill(int(left.name.removeprefix(PREFIX)), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except (PermissionError, ValueError):
            pass
