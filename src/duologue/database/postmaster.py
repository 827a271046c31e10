"""`postmaster.pid`: who serves a data folder, and what a crash left of it."""

import asyncio
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from duologue.child import is_alive

__all__ = ["Postmaster", "clear_the_way", "is_serving", "read_postmaster"]


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What the file says of the server that wrote it."""

    pid: int
    ready: bool
    socket: str = ""
    """The folder of its socket."""


def read_postmaster(data: Path) -> Postmaster | None:
    """Read `postmaster.pid` (line 1: pid, 5: socket folder, 8: state); None when it is not there, or not whole."""
    try:
        lines = (data / "postmaster.pid").read_text("utf-8", "replace").splitlines()
        ready = len(lines) > 7 and lines[7].strip() == "ready"
        return Postmaster(abs(int(lines[0])), ready, lines[4].strip() if len(lines) > 4 else "")
    except (OSError, ValueError, IndexError):
        return None


async def clear_the_way(data: Path) -> int | None:
    """Remove what a dead parent left: stop its server (gives that pid), or disarm its stale file.

    Only for the holder of the data lock: whoever else serves this data is an orphan.
    """
    left = read_postmaster(data)
    if left is None or left.pid == os.getpid() or not is_alive(left.pid):
        return None  # PostgreSQL itself sees that such a file is stale.
    stopped = None
    if _serves(left.pid, data):
        await _stop(left.pid, data)
        stopped = left.pid
    # The pid was given to another process (a reboot, a container), or its dead server was not buried yet. PostgreSQL
    # would refuse to start, but takes no offence at its parent's pid, and still checks that no old backend holds the
    # shared memory.
    file = data / "postmaster.pid"
    if is_alive(left.pid) and file.exists():
        lines = file.read_text("utf-8", "replace").splitlines(keepends=True)
        file.write_text("".join([f"{os.getpid()}\n", *lines[1:]]))
    return stopped


async def _stop(pid: int, data: Path) -> None:
    # A fast shutdown; then an immediate one, from which the next start recovers; then by force.
    for number, seconds in ((signal.SIGINT, 3.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        for _ in range(int(seconds / 0.01)):
            if not is_alive(pid) or not _serves(pid, data):
                return
            await asyncio.sleep(0.01)  # Not our child: there is nothing to wait on.


def is_serving(postmaster: Postmaster, data: Path) -> bool:
    """Whether it lives, serves this very data, and takes connections."""
    return postmaster.ready and is_alive(postmaster.pid) and _serves(postmaster.pid, data)


def _serves(pid: int, data: Path) -> bool:
    """Whether this process is a PostgreSQL on this very folder (a server works inside its data folder)."""
    proc = Path("/proc", str(pid))
    if proc.parent.joinpath("self").exists():
        try:
            return (proc / "comm").read_text().startswith("postgres") and (proc / "cwd").samefile(data)
        except OSError:
            return False
    command = ["/bin/ps", "-o", "command=", "-p", str(pid)]  # No /proc: macOS.
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
    return "postgres" in said and str(data) in said
