"""Folders for data: in pytest's own, closed to others, root's PostgreSQL would leave for the system's folder."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def passable_folder() -> Iterator[Path]:
    """A temporary folder with a short path that everyone may pass through."""
    path = Path(tempfile.mkdtemp(prefix="duo-", dir="/tmp"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)
