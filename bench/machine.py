"""What a figure was measured on, and what processes have used: all read from /proc."""

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

__all__ = ["cpu_seconds", "describe", "family", "resident_kb"]

TICK = os.sysconf("SC_CLK_TCK")
PACKAGES = ("picows", "uvloop", "uvicorn", "litestar", "msgspec", "asyncpg")


def describe() -> dict[str, str]:
    """The machine and the versions."""
    processor = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    found = {
        "machine": f"{os.cpu_count()} cores ({processor[1] if processor else platform.machine()}), {memory:.0f} GB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }
    if node := shutil.which("node"):
        found["node"] = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return found


def family(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:  # it ended meanwhile
                continue
    return found


def cpu_seconds(pid: int, *, children: bool = True) -> float:
    """CPU time used so far by the process, by those below it, and by those that ended there."""
    total = 0.0
    for each in family(pid) if children else [pid]:
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11 : 15 if children else 13]) / TICK
    return total


def resident_kb(pid: int) -> int:
    """Resident memory of one process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])
