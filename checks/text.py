"""Rules about any file: its name, its size, and words that do not belong in it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

from checks.tree import File, Finding

__all__ = ["hosts", "length", "machine_paths", "marks", "names", "shell_syntax", "size"]

SOURCE = {".py", ".js", ".mjs", ".ts", ".css", ".html", ".sh", ".sql"}
LONGEST = 500  # lines; a file that long has a second noun in it
HEAVIEST = 2 * 1024 * 1024
MADE = re.compile(r"// .*\bMade from \S+ by \S+: ")  # the first line of a script that nobody writes
ON_THE_PATH = {"manual"}  # mkdocs puts the folder of its hooks there
EMPTY_NAMES = re.compile(r"(.*_)?(util|utils|helper|helpers|manager|managers|common|misc)")

# Written so that this file does not contain what it looks for.
HOSTS = re.compile(
    r"\b(?:"
    + "|".join(
        r"\.".join(host)
        for host in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("registry", "npmjs", "org"),
            ("registry", "yarnpkg", "com"),
            ("deb", "debian", "org"),
            ("archive", "ubuntu", "com"),
        )
    )
    + r")\b"
)
MACHINE_PATHS = re.compile(r"(?<![\w./~-])/(?:root|work|home/\w+|Users/\w+)/\w")
MARKS = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")


def hosts(file: File) -> Iterator[Finding]:
    """Where packages come from is the reader's business, not ours."""
    yield from _matches(file, HOSTS, "names the host of a package registry")


def machine_paths(file: File) -> Iterator[Finding]:
    """Somebody's own folders mean nothing to anybody else."""
    yield from _matches(file, MACHINE_PATHS, "names a folder of one person's machine")


def marks(file: File) -> Iterator[Finding]:
    """What is left to do stands in an issue, where it is seen."""
    yield from _matches(file, MARKS, "is left undone; do it, or write an issue")


def size(file: File) -> Iterator[Finding]:
    """A big file stays in every clone for ever."""
    if len(file.data) > HEAVIEST:
        yield file.finding(1, f"has {len(file.data) >> 20} MB; git holds at most {HEAVIEST >> 20}")


def length(file: File) -> Iterator[Finding]:
    """A file is one noun of the glossary."""
    is_source = file.path.suffix in SOURCE or file.is_shell
    is_made = bool(file.lines and MADE.match(file.lines[0]))
    if is_source and not is_made and not file.is_foreign and len(file.lines) > LONGEST:
        yield file.finding(LONGEST, f"has {len(file.lines)} lines; look for its second noun (at most {LONGEST})")


def names(file: File) -> Iterator[Finding]:
    """A name that could hold anything will."""
    if file.is_foreign or file.path.suffix not in {".py", ".js", ".ts"}:
        return
    for part in (*file.path.parts[:-1], file.path.stem):
        if EMPTY_NAMES.fullmatch(part):
            yield file.finding(1, f"{part!r} says nothing; name the file after the noun it holds")
    if file.path.parent.name in ON_THE_PATH and file.path.stem in sys.stdlib_module_names:
        yield file.finding(1, f"{file.path.stem!r} hides Python's own from every import of that name")


def shell_syntax(file: File) -> Iterator[Finding]:
    """Each shell script parses, `sh` ones in the plainest shell there is."""
    if not file.is_shell:
        return
    wanted = "bash" if file.lines[0].endswith("bash") else "sh"
    for shell in {wanted, "dash"} if wanted == "sh" else {wanted}:
        if found := shutil.which(shell):
            result = subprocess.run([found, "-n"], input=file.data, capture_output=True, check=False)
            if result.returncode:
                yield file.finding(1, f"{shell} -n: {result.stderr.decode().strip()}")


def _matches(file: File, pattern: re.Pattern[str], message: str) -> Iterator[Finding]:
    if file.is_foreign:
        return
    for number, line in enumerate(file.lines, 1):
        if match := pattern.search(line):
            yield file.finding(number, f"{match[0]!r} {message}")
