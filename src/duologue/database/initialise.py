"""Make a cluster whole or not at all, with a password of its own."""

import os
import pwd
import secrets
import shutil
from pathlib import Path
from typing import Final

from duologue.child import run
from duologue.database.binaries import Binaries
from duologue.database.home import Home
from duologue.errors import StartError

__all__ = ["DATABASE", "OWNER", "SUPERUSER", "ensure_password", "make_cluster"]

SUPERUSER: Final = "postgres"
OWNER: Final = "duologue"
"""The role the application signs in with: it owns its database and nothing else."""
DATABASE: Final = "duologue"


async def make_cluster(home: Home, binaries: Binaries) -> None:
    """`initdb` and our role and database under a temporary name, renamed when complete."""
    for left in home.root.glob("data.*.new"):
        shutil.rmtree(left, ignore_errors=True)  # Of a start that was killed half-way.
    token = secrets.token_hex(4)
    staging = home.root / f"data.{token}.new"
    password = _password(home)
    handed = home.root / f"password.{token}.new"
    try:
        staging.mkdir()
        home.own(staging)
        _write(handed, password)
        home.own(handed)
        await _run_initdb(home, binaries, staging, handed)
        await _run_single(
            home,
            binaries,
            staging,
            f"CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD '{password}'\nCREATE DATABASE {DATABASE} OWNER {OWNER}\n",
        )
        staging.rename(home.data)
        _sync(home.root)
    except OSError as error:
        raise StartError(f"The database in {home.root} cannot be made: {error.strerror or error}.") from None
    finally:
        handed.unlink(missing_ok=True)
        shutil.rmtree(staging, ignore_errors=True)


async def ensure_password(home: Home, binaries: Binaries) -> str:
    """The kept password; where its file is lost, the cluster is given a new one."""
    if home.password_file.exists():
        return _password(home)
    password = secrets.token_urlsafe(32)
    sql = "".join(f"ALTER ROLE {role} PASSWORD '{password}'\n" for role in (SUPERUSER, OWNER))
    await _run_single(home, binaries, home.data, sql)
    _write(home.password_file, password)
    return password


def _password(home: Home) -> str:
    try:
        if not home.password_file.exists():
            _write(home.password_file, secrets.token_urlsafe(32))
        return home.password_file.read_text().strip()
    except OSError as error:
        raise StartError(f"{home.password_file} cannot be used: {error.strerror}.") from None


async def _run_initdb(home: Home, binaries: Binaries, staging: Path, password_file: Path) -> None:
    uid = os.geteuid() if home.account is None else home.account.uid
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise StartError(
            f"User id {uid} has no name in /etc/passwd, which PostgreSQL's initdb asks for: "
            f"run as a user with a name, or set DATABASE_URL."
        ) from None
    argv = [
        binaries.initdb,
        f"--pgdata={staging}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--data-checksums",
        "--encoding=UTF8",
        "--locale=C",
    ]
    if binaries.major >= 17:
        # Sorts by code point and knows every letter's case, alike on all systems.
        argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    status, said = await run(argv, account=home.account)
    if status != 0:
        raise StartError(f"PostgreSQL's initdb failed: {_last_words(said)}")


async def _run_single(home: Home, binaries: Binaries, data: Path, sql: str) -> None:
    """Run statements, one a line, on a cluster that is not being served."""
    argv = [binaries.postgres, "--single", "-D", str(data), "-c", "log_min_messages=error", "postgres"]
    status, said = await run(argv, account=home.account, text=sql)
    if status != 0 or "ERROR:" in said or "FATAL:" in said:
        raise StartError(f"PostgreSQL could not prepare its database: {_last_words(said)}")


def _last_words(said: str) -> str:
    """The line that says why, of all a program printed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [
        line for line in lines if "error:" in line.lower() or "fatal:" in line.lower() or "panic:" in line.lower()
    ]
    return (telling or lines or ["it said nothing"])[-1]


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
