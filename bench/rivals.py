"""Starts Duologue and its peers on one PostgreSQL; a peer that cannot be had here is left out with a word."""

import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.people import Pair, make_peer_rooms, make_rooms
from bench.stage import PORT, SECRET, Server, Stage

__all__ = ["PEERS", "Rival", "environment", "start_rivals"]

PEERS = ("node", "fastapi", "relay", "relay-joined")
HERE = Path(__file__).parent
POOL = "10"


@dataclass(frozen=True, slots=True)
class Rival:
    """A server with rooms."""

    server: Server
    pairs: Sequence[Pair]
    stores: bool = True

    def lanes(self, first: int, count: int) -> list[tuple[str, str]]:
        """Where the speakers and the hearers of some rooms connect."""
        base = f"ws://127.0.0.1:{self.server.port}/room"
        return [
            (f"{base}/{pair.room}?token={pair.first.token}", f"{base}/{pair.room}?token={pair.second.token}")
            for pair in self.pairs[first : first + count]
        ]


async def start_rivals(stage: Stage, names: Sequence[str], rooms: int) -> dict[str, Rival]:
    """Duologue and the peers named."""
    server = await stage.duologue()
    found = {"duologue": Rival(server, await make_rooms(server.dsn, rooms))}
    for name in names:
        rival = await start_peer(stage, name, rooms)
        if rival is not None:
            found[name] = rival
    return found


async def start_peer(stage: Stage, name: str, rooms: int) -> Rival | None:
    """One peer, or a word why not."""
    if name.startswith("relay"):
        command = [sys.executable, "-m", "bench.peers.relay"]
        settings = {"JOIN": "1" if name == "relay-joined" else "0"}
        server = await stage.start(name, command, "", settings)
        return Rival(server, await make_peer_rooms(await stage.database("relay_" + name[6:]), rooms), stores=False)
    if name == "node":
        command = node_command()
    else:
        python = environment("fastapi", HERE / "peers/fastapi/requirements.txt")
        options = ["--host", "127.0.0.1", "--log-level", "warning", "--no-access-log", "--app-dir"]
        command = [str(python), "-m", "uvicorn", *options, str(HERE / "peers/fastapi"), "app:app", "--port", PORT]
    if not command:
        print("The Node peer is left out: there is no node and npm here, or npm could not install.", file=sys.stderr)
        return None
    dsn = await stage.database(f"peer_{name}")
    pairs = await make_peer_rooms(dsn, rooms)
    settings = {
        "DATABASE_URL": dsn.replace("@/", "@localhost/"),
        "SQLALCHEMY_URL": dsn.replace("postgresql://", "postgresql+asyncpg://"),
        "JWT_SECRET": SECRET,
        "POOL": POOL,
        "NODE_ENV": "production",
    }
    return Rival(await stage.start(name, command, dsn, settings), pairs)


def node_command() -> list[str]:
    """The Node peer, installed from its lock."""
    node, npm = shutil.which("node"), shutil.which("npm")
    folder = HERE / "peers/node"
    if node is None or npm is None:
        return []
    if not (folder / "node_modules").exists():
        done = subprocess.run([npm, "ci", "--silent"], cwd=folder, check=False)
        if done.returncode:
            return []
    return [node, str(folder / "server.js")]


def environment(name: str, requirements: Path) -> Path:
    """A virtual environment of its own with these packages; its Python."""
    folder = HERE / ".environments" / name
    python = folder / "bin/python"
    stamp = folder / "ready.stamp"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        shutil.rmtree(folder, ignore_errors=True)
        if uv := shutil.which("uv"):
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
            install = [uv, "pip", "install", "--quiet", "--python", str(python)]
        else:
            venv.create(folder, with_pip=True)
            install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*install, "--require-hashes", "-r", str(requirements)], check=True)
        stamp.write_text(requirements.read_text())
    return python
