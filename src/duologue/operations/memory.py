"""How much memory there is, and how much of it this process holds."""

import os
from pathlib import Path
from typing import Final

__all__ = ["available", "resident"]

MIB: Final = 1 << 20
CGROUP_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # version 2, 1
STATM: Final = "/proc/self/statm"


def available(limits: tuple[str, ...] = CGROUP_LIMITS) -> int:
    """What this process may use, in MiB: the container's memory, else the machine's."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for name in limits:
        try:
            found.append(int(Path(name).read_text()))
        except (OSError, ValueError):  # not in a container, or `max`
            continue
    return min(found) // MIB


def resident() -> int | None:
    """What is resident now, in MiB (12 µs); None where the system does not say (no `/proc`)."""
    try:
        with open(STATM, "rb") as file:  # noqa: PTH123 (asked every second; Path costs more than the reading)
            pages = int(file.read().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // MIB
