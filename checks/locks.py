"""Rules about the requirements files as a whole: they follow pyproject.toml, and each other."""

import re
import tomllib
from collections.abc import Iterator, Mapping

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from checks.tree import File, Finding

__all__ = ["locks"]

# With extras: for whoever asks for `x[extra]>=1`, pip 23 looks past `x==1` to a newer release, and has no hash for it.
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z0-9,._-]+\])?==([^\s;]+)(?: ; .*)? \\$")
OPTION = re.compile(r"^\s*(--(?!hash=sha256:[0-9a-f]{64})|-[a-z]\b)|://|^\S+ @ |^\.?/")


def locks(files: Mapping[str, File]) -> Iterator[Finding]:
    """Every dependency is pinned with hashes to a version that pyproject.toml allows, and no index is named."""
    project = tomllib.loads(files["pyproject.toml"].text or "")
    run, dev = files["requirements.txt"], files["requirements-dev.txt"]
    declared = project["project"]["dependencies"]
    yield from _unlike(run, declared)
    yield from _unlike(dev, [*declared, *project["dependency-groups"]["dev"]])
    for name, (version, line) in _pins(run).items():
        if _pins(dev).get(name, ("", 0))[0] != version:
            yield run.finding(line, f"{name}=={version} is not what requirements-dev.txt says; ./run lock")
    for lock in (run, dev):
        yield from _form(lock)


def _unlike(lock: File, declared: list[str]) -> Iterator[Finding]:
    pins = _pins(lock)
    for requirement in map(Requirement, declared):
        version, line = pins.get(canonicalize_name(requirement.name), ("", 1))
        if not version or not requirement.specifier.contains(version, prereleases=True):
            yield lock.finding(
                line, f"{requirement} of pyproject.toml, but {version or 'nothing'} is locked; ./run lock"
            )


def _form(lock: File) -> Iterator[Finding]:
    lines = lock.lines
    for number, (line, after) in enumerate(zip(lines, [*lines[1:], ""], strict=True), 1):
        if line.startswith("#"):
            continue
        if OPTION.search(line):
            yield lock.finding(number, f"{line.strip()!r} ties the lock to a place")
        if line[:1].isalnum() and not (PIN.match(line) and after.startswith("    --hash=sha256:")):
            yield lock.finding(number, f"{line.strip()!r} is not a pin with hashes")


def _pins(lock: File) -> dict[str, tuple[str, int]]:
    found = ((PIN.match(line), number) for number, line in enumerate(lock.lines, 1))
    return {canonicalize_name(match[1]): (match[2], number) for match, number in found if match}
