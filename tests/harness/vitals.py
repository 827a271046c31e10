"""What a process holds: memory, threads, open files."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Vitals:
    """Of one process, at one moment."""

    memory: int
    """Resident, in bytes."""
    threads: int
    files: int


def vitals(pid: int) -> Vitals:
    """Of a running process. Where there is no `/proc`, threads and files are not known, and 0."""
    process = Path(f"/proc/{pid}")
    if not process.exists():
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
        return Vitals(int(told.stdout) * 1024, 0, 0)
    pages = int((process / "statm").read_text().split()[1])
    return Vitals(
        pages * os.sysconf("SC_PAGE_SIZE"),
        sum(1 for _ in (process / "task").iterdir()),
        sum(1 for _ in (process / "fd").iterdir()),
    )
