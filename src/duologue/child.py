"""A process of ours: in a session of its own, under another account if need be, and gone when we are gone."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

__all__ = ["Account", "Child", "is_alive", "run"]

# Between us and the program stands a moment of Python, since code between fork and exec (`preexec_fn`) can deadlock
# in a process with threads. It begins as root, so it also starts from a venv that the account cannot enter.
_LAUNCHER: Final = """
import os, sys
try:
    import ctypes  # Now: the account may be unable to read the library's folder.
except ImportError:
    ctypes = None
parent, uid, gid, death_signal = map(int, sys.argv[1:5])
try:
    if uid >= 0:
        os.setgroups([]); os.setgid(gid); os.setuid(uid)
    if sys.platform == "linux" and ctypes is not None:
        ctypes.CDLL(None).prctl(1, death_signal, 0, 0, 0)  # PR_SET_PDEATHSIG; a change of account clears it.
    if os.getppid() == parent:
        os.execv(sys.argv[5], sys.argv[5:])
except OSError as error:
    what = f"run {sys.argv[5]}" if uid < 0 or os.getuid() == uid else f"change from root to user id {uid}"
    print(f"FATAL:  cannot {what}: {error.strerror}", flush=True)
os._exit(126)
"""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a child runs as, when we are root."""

    uid: int
    gid: int


class Child:
    """Spawn from the main thread only: the kernel's death signal follows the thread that forked."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        account: Account | None = None,
        death_signal: int = signal.SIGKILL,
        stdin: int | IO[Any] = subprocess.DEVNULL,
        output: int | IO[Any] = subprocess.DEVNULL,
    ) -> None:
        """Start it; when the program or the account cannot be had, it says so and ends with status 126."""
        uid, gid = (-1, -1) if account is None else (account.uid, account.gid)
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *map(str, (os.getpid(), uid, gid, int(death_signal)))]
        # Its own session: Ctrl-C in the terminal is for us, and we stop it in order.
        self._process = subprocess.Popen(  # noqa: S603
            [*launcher, *argv],
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # A thread that only waits: exact, the same on every system, and no hand in the loop's child handling.
        threading.Thread(target=self._reap, name=f"wait-{self.pid}", daemon=True).start()

    @property
    def status(self) -> int | None:
        """The exit status, or minus the signal; None while it runs."""
        return self._process.returncode

    @property
    def ended(self) -> bool:
        """Whether it is known to have ended."""
        return self._ended.is_set()

    async def wait(self) -> int:
        """Wait for its end, then give its status."""
        await self._ended.wait()
        return self._process.returncode

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        self._process.send_signal(number)

    async def stop(self, signals: Sequence[tuple[int, float]]) -> None:
        """Send each signal and give it its seconds, until the process is gone; the last resort is SIGKILL."""
        for number, seconds in (*signals, (signal.SIGKILL, 5.0)):
            if self.ended:
                return
            self.send(number)
            try:
                await asyncio.wait_for(self._ended.wait(), seconds)
            except TimeoutError:
                continue

    def _reap(self) -> None:
        self._process.wait()
        try:
            self._loop.call_soon_threadsafe(self._ended.set)
        except RuntimeError:  # The loop is closed: nobody waits any more.
            return


async def run(
    argv: Sequence[str], *, account: Account | None = None, text: str = "", timeout: float = 60.0
) -> tuple[int, str]:
    """Run to the end, `text` (a pipe's fill at most) as its input; gives its status and all it printed."""
    import tempfile

    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed:
        given.write(text.encode())
        given.seek(0)
        child = Child(argv, account=account, stdin=given, output=printed)
        try:
            status = await asyncio.wait_for(child.wait(), timeout)
        finally:
            if not child.ended:
                await child.stop([(signal.SIGTERM, 2.0)])
        printed.seek(0)
        return status, printed.read().decode("utf-8", "replace")


def is_alive(pid: int) -> bool:
    """Whether there is such a process, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _environment() -> dict[str, str]:
    """Ours without what PostgreSQL would take for itself, and without any secret."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    # TZ spares initdb a search through every time zone there is.
    return {"PATH": os.defpath, **kept, "TZ": "UTC", "LC_ALL": "C", "HOME": str(Path("/"))}
