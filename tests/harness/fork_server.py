"""Starts `duologue` by a fork of a process that has imported it: most of what a start takes is spent on that.

One a worker, for servers that are not about starting; the others are started as people start them.
"""

import asyncio
import atexit
import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.harness.measuring import unmeasured

ROOT = Path(__file__).parents[2]
FRAME_BYTES = 1 << 17  # of an order: an environment, at most


class Forked:
    """A child of the fork server, with what is used of `asyncio.subprocess.Process`."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader, ended: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._ending = asyncio.create_task(self._wait(ended))

    async def _wait(self, ended: asyncio.StreamReader) -> int:
        self.returncode = int((await ended.readline()) or -signal.SIGKILL)
        return self.returncode

    async def wait(self) -> int:
        """Its exit status; the negative number of the signal that ended it."""
        return await asyncio.shield(self._ending)

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)


async def fork(arguments: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Forked:
    """Run `duologue` with those arguments; what it prints, on stdout and stderr, is on `stdout`."""
    output, childs_output = os.pipe()
    status, servers_status = socket.socketpair()
    order = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment)}).encode()
    assert len(order) < FRAME_BYTES
    try:
        socket.send_fds(_orders(), [order], [childs_output, servers_status.fileno()])
    finally:
        os.close(childs_output)
        servers_status.close()
    loop = asyncio.get_running_loop()
    stdout = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(output, "rb", 0))
    ended = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ended), status)
    return Forked(int(await ended.readline()), stdout, ended)


@cache
def _orders() -> socket.socket:
    """Start the server; it ends with this process."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = unmeasured(os.environ)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.harness.fork_server", str(its.fileno())],
            stdin=subprocess.DEVNULL,
            env=environment | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
            pass_fds=[its.fileno()],
        )
    atexit.register(process.wait)
    atexit.register(ours.close)  # before that
    return ours


class ForkServer:
    """Takes orders, forks, and tells how each child ended."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._children: dict[int, socket.socket] = {}
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(orders, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)

    def run(self) -> bool:
        """Until nobody asks any more; True in a child, which is to run `duologue`."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: for the tests, which end us
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno())
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._woken.recv(4096)
                    self._reap()
                else:
                    order, descriptors, _, _ = socket.recv_fds(self._orders, FRAME_BYTES, 2)
                    if not order:
                        return False
                    if self._fork(order, *descriptors):
                        return True

    def _fork(self, order: bytes, output: int, status: int) -> bool:
        # Its SIGCHLD is handled by a later round, so that its pid is told first.
        pid = os.fork()
        if pid == 0:
            self._become(json.loads(order), output, status)
            return True
        os.close(output)
        child = self._children[pid] = socket.socket(fileno=status)
        child.sendall(f"{pid}\n".encode())
        return False

    def _become(self, order: dict[str, object], output: int, status: int) -> None:
        """Be as a process that was just started, which has nothing of ours."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._selector.close()
        for each in (self._orders, self._woken, self._waker, *self._children.values()):
            each.close()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.close(status)
        os.chdir(str(order["cwd"]))
        environment, arguments = order["environment"], order["arguments"]
        assert isinstance(environment, dict)
        assert isinstance(arguments, list)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv[:] = ["duologue", *arguments]

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._children.pop(pid) as child, contextlib.suppress(OSError):  # who asked may be gone
                child.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def main() -> None:
    """Import first, then serve orders on the descriptor that is the only argument."""
    import uvloop  # noqa: F401

    import duologue.app
    import duologue.operations.banner
    import duologue.serve  # noqa: F401
    from duologue.cli import main as run_duologue

    gc.freeze()  # what all share is not looked through by each
    server = ForkServer(socket.socket(fileno=int(sys.argv[1])))
    if server.run():
        run_duologue()


if __name__ == "__main__":
    main()
