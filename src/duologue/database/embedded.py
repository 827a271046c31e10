"""The embedded PostgreSQL: made once, a child of ours while we run, brought back when it dies."""

import asyncio
import logging
import signal
import subprocess
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from duologue.child import Child
from duologue.database.binaries import Binaries, find_binaries, usable_by
from duologue.database.home import Home, find_home
from duologue.database.initialise import DATABASE, OWNER, SUPERUSER, ensure_password, make_cluster
from duologue.database.lock import DataLock
from duologue.database.postmaster import clear_the_way, read_postmaster
from duologue.database.tuning import memory, settings
from duologue.errors import StartError

__all__ = ["EmbeddedPostgres"]

_log = logging.getLogger("duologue.database")

START_SECONDS: Final = 300.0
"""Recovery after a crash replays at most 512 MB of journal."""
BACKOFF: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_SECONDS: Final = 60.0
"""A server that lived this long died of something new: begin the backoff again."""
LOGS_KEPT: Final = 5


class _DiedError(Exception):
    """The server ended before it was ready; says its last words."""


class EmbeddedPostgres:
    """Call `start` and `stop` from the main thread's loop: the server's life is tied to the thread that made it."""

    def __init__(
        self, data_dir: Path, *, bin_dir: Path | None = None, system_dir: Path = Path("/var/lib/duologue")
    ) -> None:
        """`bin_dir` insists on certain binaries; `system_dir` takes what root cannot keep in `data_dir`."""
        self._data_dir = data_dir.resolve()
        self._bin_dir = bin_dir
        self._system_dir = system_dir
        self._home: Home | None = None
        self._binaries: Binaries | None = None
        self._lock: DataLock | None = None
        self._socket: Path | None = None
        self._password = ""
        self._child: Child | None = None
        self._watch: asyncio.Task[None] | None = None
        self.first_start = False
        """Whether this start made the data."""

    @property
    def data(self) -> Path:
        """Where the data really is."""
        return self._started_home.data

    @property
    def elsewhere(self) -> bool:
        """Whether the data had to leave DATA_DIR for a system folder (root, and a folder closed to others)."""
        return self._started_home.elsewhere

    @property
    def pid(self) -> int | None:
        """The server's pid while it runs."""
        return None if self._child is None or self._child.ended else self._child.pid

    @property
    def version(self) -> str:
        """The version of the binaries in use."""
        return "" if self._binaries is None else self._binaries.version

    def dsn(self, *, superuser: bool = False, database: str = DATABASE) -> str:
        """For asyncpg, over the socket; the superuser is for tests and repairs."""
        role = SUPERUSER if superuser else OWNER
        return f"postgresql://{role}:{self._password}@/{quote(database)}?host={quote(str(self._socket))}"

    async def start(self) -> str:
        """Make the data where there is none, start the server, and give its DSN once it takes connections.

        The server is spawned before the first wait when the data is there, so the caller can import meanwhile.
        """
        try:
            home = self._home = find_home(self._data_dir, self._system_dir)
            self._lock = DataLock(home.root, "lock")
            self._lock.acquire()
            major = home.major
            self._binaries = usable_by(home.account, find_binaries(major, folder=self._bin_dir), self._system_dir)
            if major is None:
                self.first_start = True
                await make_cluster(home, self._binaries)
            else:
                left = await clear_the_way(home.data)
                if left is not None:
                    _log.warning("stopped a PostgreSQL that a former process left behind (pid %d)", left)
            self._password = await ensure_password(home, self._binaries)
            self._socket = home.make_socket_folder()
            await self._until_served(give_up_after=10.0)
        except BaseException as error:
            await self.stop()
            if isinstance(error, OSError):
                raise StartError(f"The embedded PostgreSQL cannot start: {error.strerror or error}.") from None
            raise
        self._watch = asyncio.create_task(self._keep_alive(), name="postgres-watch")
        return self.dsn()

    async def stop(self) -> None:
        """A fast shutdown, bounded; safe to call twice, and after a start that failed."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        if self._child is not None:
            await self._child.stop([(signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0)])
            self._child = None
        if self._home is not None and self._socket is not None:
            self._home.drop_socket_folder(self._socket)
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def _started_home(self) -> Home:
        if self._home is None:
            raise RuntimeError("not started")
        return self._home

    async def _keep_alive(self) -> None:
        failures = 0
        while self._child is not None:
            begun = time.monotonic()
            status = await self._child.wait()
            if time.monotonic() - begun > STEADY_SECONDS:
                failures = 0
            _log.error("PostgreSQL ended by itself (%s); starting it again", _how(status))
            while True:
                await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
                failures += 1
                try:
                    await clear_the_way(self.data)
                    await self._until_served(give_up_after=10.0)
                except (StartError, OSError) as error:
                    _log.error("PostgreSQL does not start, trying again: %s", error)
                    continue
                _log.warning("PostgreSQL is back (pid %d)", self.pid)
                break

    async def _until_served(self, give_up_after: float) -> None:
        """Spawn and wait until it is ready; again while the backends of a killed server hold on to its memory."""
        deadline = time.monotonic() + give_up_after
        while True:
            self._child = self._spawn()
            try:
                await self._until_ready(self._child)
            except _DiedError as error:
                if "in use" not in str(error) or time.monotonic() > deadline:
                    raise StartError(f"PostgreSQL did not start: {error}") from None
                await asyncio.sleep(0.05)
            else:
                return

    def _spawn(self) -> Child:
        home, binaries = self._started_home, self._binaries
        if binaries is None:
            raise RuntimeError("not started")
        self._prune_logs()
        if self._socket is not None:
            # Left by a killed server; PostgreSQL would mistake a zombie or a reused pid for its living owner.
            for left in self._socket.glob(".s.PGSQL.*"):
                left.unlink()
        socket = str(self._socket).replace('"', '""')
        argv = [binaries.postgres, "-D", str(home.data), "-c", f'unix_socket_directories="{socket}"']
        for name, value in settings(binaries.major, memory()).items():
            argv += ["-c", f"{name}={value}"]
        # SIGINT is PostgreSQL's fast shutdown: what the kernel sends it when we are gone.
        with home.start_log.open("wb") as output:
            return Child(
                argv, account=home.account, death_signal=signal.SIGINT, stdin=subprocess.DEVNULL, output=output
            )

    async def _until_ready(self, child: Child) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if child.ended:
                raise _DiedError(self._last_words(child.status))
            found = read_postmaster(self.data)
            if found is not None and found.pid == child.pid and found.ready:
                return
            await asyncio.sleep(0.005)
        raise StartError(
            f"PostgreSQL was not ready after {START_SECONDS:.0f} seconds; its log is in {self.data / 'log'}."
        )

    def _last_words(self, status: int | None) -> str:
        """Why it ended: from what it printed, or from the log it opened since."""
        printed = self._started_home.start_log
        logs = [log for log in self._logs() if log.stat().st_mtime >= printed.stat().st_ctime]
        lines = [line for path in (printed, *logs[-1:]) for line in path.read_text("utf-8", "replace").splitlines()]
        for line in reversed(lines):
            for mark in ("FATAL:", "PANIC:"):
                if mark in line:
                    return line.split(mark)[1].strip()
        return lines[-1].strip() if lines else _how(status or 0)

    def _logs(self) -> list[Path]:
        return sorted((self.data / "log").glob("*.log"))

    def _prune_logs(self) -> None:
        for old in self._logs()[:-LOGS_KEPT]:
            old.unlink(missing_ok=True)


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
