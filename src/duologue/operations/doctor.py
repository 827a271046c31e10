"""What `duologue doctor` looks at: each check ends in one line a person can act on."""

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from duologue.database.binaries import find_binaries
from duologue.errors import StartError

__all__ = [
    "Finding",
    "check_data_folder",
    "check_database",
    "check_embedded",
    "check_nats",
    "check_port",
    "check_python",
    "check_smtp",
]

SMTP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    subject: str
    state: Literal["ok", "note", "wrong"]
    text: str


def check_python() -> Finding:
    """The interpreter's version."""
    version = ".".join(map(str, sys.version_info[:3]))
    state: Literal["ok", "wrong"] = "ok" if sys.version_info >= (3, 11) else "wrong"
    return Finding("Python", state, version if state == "ok" else f"{version}: 3.11 or newer is needed")


def check_data_folder(folder: Path) -> Finding:
    """Whether we can write there, or make it."""
    above = next(path for path in (folder, *folder.parents) if path.exists())
    if not above.is_dir():
        return Finding("Data folder", "wrong", f"{above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        return Finding("Data folder", "wrong", f"{above} is not writable for this user")
    return Finding("Data folder", "ok", str(folder) if above == folder else f"{folder} (the first start makes it)")


def check_port(host: str, port: int) -> Finding:
    """Whether the port is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return Finding("Port", "wrong", f"{host}:{port} cannot be taken: {error.strerror or error}")
    return Finding("Port", "ok", f"{host}:{port} is free")


async def check_smtp(host: str | None, port: int, *, secure: bool, user: str | None, password: str | None) -> Finding:
    """Whether the mail server answers, and accepts us."""
    if host is None:
        return Finding("Mail", "note", "no SMTP_HOST: mails go to /dev/mailbox")
    import aiosmtplib

    client = aiosmtplib.SMTP(
        hostname=host, port=port, use_tls=secure, username=user, password=password, timeout=SMTP_SECONDS
    )
    try:
        await client.connect()
        await client.quit()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return Finding("Mail", "wrong", f"{host}:{port} does not take our mail: {reason}")
    return Finding("Mail", "ok", f"{host}:{port} answers")


async def check_nats(url: str | None) -> Finding:
    """Whether NATS answers, and accepts us."""
    if url is None:
        return Finding("NATS", "note", "no NATS_URL: there is one node")
    from duologue.cluster.nats import connect

    try:
        return Finding("NATS", "ok", f"{await connect(url)} answers")
    except StartError as error:
        return Finding("NATS", "wrong", str(error))


async def check_embedded(data_dir: Path) -> list[Finding]:
    """The binaries, and the data if there is any: it is started for the check."""
    try:
        binaries = find_binaries()
    except StartError as error:
        return [Finding("PostgreSQL", "wrong", str(error))]
    findings = [Finding("PostgreSQL", "ok", f"{binaries.version} in {binaries.folder}")]
    if not (data_dir / "postgres" / "data").exists() and not (data_dir / "postgres.at").exists():
        return [*findings, Finding("Database", "note", "none yet: the first start makes it")]
    from duologue.database.embedded import EmbeddedPostgres

    postgres = EmbeddedPostgres(data_dir)
    try:
        dsn = await postgres.start()
        return [*findings, *await check_database(dsn, ours=True)]
    except StartError as error:
        return [*findings, Finding("Database", "wrong", str(error))]
    finally:
        await postgres.stop()


async def check_database(dsn: str, *, ours: bool = False) -> list[Finding]:
    """The server's version, and the schema; `ours` is migrated by the next start."""
    from duologue.database.pool import connect
    from duologue.database.schema import HEAD, current_revision

    try:
        connection = await connect(dsn)
    except StartError as error:
        return [Finding("Database", "wrong", str(error))]
    try:
        version = connection.get_settings().server_version
        findings = [Finding("Database", "ok", f"PostgreSQL {version} answers")]
        found = await current_revision(connection)
    finally:
        await connection.close()
    if found == HEAD:
        return [*findings, Finding("Schema", "ok", f"at revision {found}")]
    if found is not None and found > HEAD:
        return [*findings, Finding("Schema", "wrong", f"at revision {found}, newer than {HEAD}: upgrade Duologue")]
    state = f"at revision {found}" if found else "empty"
    if ours:
        return [*findings, Finding("Schema", "note", f"{state}: the next start brings it to {HEAD}")]
    return [*findings, Finding("Schema", "wrong", f"{state}, {HEAD} is needed: run `duologue migrate`")]
