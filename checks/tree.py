"""The files of the checkout as git sees them, and what a rule says about one."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

__all__ = ["File", "Finding", "tracked_files"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where a rule is broken; prints like a compiler's message."""

    path: PurePosixPath
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class File:
    """One file, its path relative to the root of the checkout."""

    path: PurePosixPath
    data: bytes

    @cached_property
    def text(self) -> str | None:
        """The content, or nothing for a binary file."""
        if b"\0" in self.data[:8192]:
            return None
        return self.data.decode(errors="replace")

    @property
    def lines(self) -> list[str]:
        """The lines of a text file."""
        return (self.text or "").splitlines()

    @property
    def is_foreign(self) -> bool:
        """Shipped as others wrote it."""
        return "vendor" in self.path.parts or "node_modules" in self.path.parts

    @property
    def is_shell(self) -> bool:
        """A script for sh or bash, by name or by its first line."""
        return self.path.suffix == ".sh" or (self.data.startswith(b"#!") and self.lines[0].endswith(("sh", "sh -eu")))

    def finding(self, line: int, message: str) -> Finding:
        """A finding in this file."""
        return Finding(self.path, line, message)


def tracked_files(root: Path) -> Iterator[File]:
    """What git tracks or would track; files deleted but not yet committed are passed over."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in sorted(set(listing.split("\0")) - {""}):
        path = root / name
        if path.is_file() and not path.is_symlink():
            yield File(PurePosixPath(name), path.read_bytes())
