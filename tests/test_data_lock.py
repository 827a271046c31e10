"""The lock on a data folder: one holder, named, and free again however it ends."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from duologue.database.lock import DataLock
from duologue.errors import StartError


def test_the_lock_names_its_holder_and_is_free_again_after_its_release(folder: Path):
    first, second = DataLock(folder), DataLock(folder)
    first.acquire()
    with pytest.raises(StartError, match=rf"\(pid {os.getpid()}\)"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_child_that_a_killed_holder_was_just_starting_keeps_the_lock_for_a_moment_only(folder: Path):
    child = f"""import fcntl, os, sys
lock = os.open({str(folder / "duologue.lock")!r}, os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
os.write(lock, b"%d" % os.getpid())
if os.fork() == 0:
    os.close(1)
    sys.stdin.read()
"""
    holder = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None
    with holder:
        holder.stdout.read()  # the holder has ended, its child has not
        holder.wait(20)
        threading.Timer(0.1, holder.stdin.close).start()
        lock = DataLock(folder)
        lock.acquire()
        lock.release()
