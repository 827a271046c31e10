"""A terminal: one bash that is given block after block, as a reader pastes them."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from tests.clients.tools import program

END_OF_BLOCK = "the block is over"
SECONDS = 60.0


class Shell:
    """It keeps its variables and functions from block to block."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def open(cls, folder: Path, environment: Mapping[str, str] | None = None) -> "Shell":
        """Open it in a folder."""
        program("curl")
        process = await asyncio.create_subprocess_exec(
            program("bash"),
            cwd=folder,
            env=(os.environ if environment is None else dict(environment)) | {"no_proxy": "localhost"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 20,
        )
        return cls(process)

    async def paste(self, block: str) -> str:
        """What it prints for a block."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{block}\necho {END_OF_BLOCK}\n".encode())
        printed = ""
        async with asyncio.timeout(SECONDS):
            while END_OF_BLOCK not in (line := (await self._process.stdout.readline()).decode()):
                assert line, f"bash has ended:\n{printed}"
                printed += line
        return printed

    async def close(self) -> None:
        """Leave it."""
        await self._process.communicate(b"exit\n")
