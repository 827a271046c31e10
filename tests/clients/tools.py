"""Programs that `./run` does not install: their absence fails a test in CI and skips it elsewhere, with the reason."""

import asyncio
import fcntl
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"


def missing(what: str) -> NoReturn:
    """End the test: a machine of CI has to have everything."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}; CI must have it")
    pytest.skip(what)


def program(*names: str) -> str:
    """The path of the first of these that is installed."""
    for name in names:
        if path := shutil.which(name):
            return path
    missing(f"none of {', '.join(names)} is installed")


def chromium() -> str:
    """Chromium's path; rather that of its headless shell, the same engine in half the time of a whole browser."""
    return program("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome")


async def output_of(*command: str, cwd: Path = FOLDER, environment: dict[str, str] | None = None) -> str:
    """What a command prints; it has to succeed within a minute."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=os.environ | (environment or {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{out.decode()}{err.decode()}")
    return out.decode()


async def node_program() -> str:
    """Node's path, with the packages of `package-lock.json` installed beside the scripts."""
    node, npm = program("node"), program("npm")
    lock = FOLDER / "package-lock.json"
    with lock.open() as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)  # two runs of the tests at once
        installed = MODULES / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            try:
                await output_of(npm, "ci", "--no-audit", "--no-fund", "--loglevel=error")
            except RuntimeError as error:
                missing(f"the packages of tests/clients could not be installed: {error}")
    return node


async def node_major(node: str) -> int:
    """Node's major version."""
    return int((await output_of(node, "--version")).lstrip("v").split(".")[0])
