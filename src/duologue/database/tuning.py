"""PostgreSQL's settings for this machine: durable always, small by default."""

import os
from pathlib import Path
from typing import Final

__all__ = ["LOG_BYTES", "memory", "settings"]

MIB: Final = 1 << 20
LOG_BYTES: Final = 10 * MIB
"""A log file is left for the next one at this size; the supervisor keeps the newest few."""


def memory() -> int:
    """Bytes of memory we may use: the machine's, or what its container is limited to."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(place).read_text()))
        except (OSError, ValueError):  # Not there, or "max".
            continue
    return total


def settings(major: int, total: int) -> dict[str, str]:
    """Settings by name, given on the command line so that no file can contradict them."""
    found = {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        # An eighth of the memory: the operating system caches the files as well.
        "shared_buffers": f"{min(max(total // 8 // MIB, 32), 512)}MB",
        "effective_cache_size": f"{max(total // 2 // MIB, 64)}MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "64MB",
        "huge_pages": "off",
        # A row is acknowledged when it is on the disk. Never off, in no mode.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # Enough for pg_basebackup; bounded, so that recovery after a crash is short.
        "wal_level": "replica",
        "max_wal_senders": "2",
        "min_wal_size": "64MB",
        "max_wal_size": "512MB",
        "checkpoint_timeout": "5min",
        # Short queries by key: parallel plans and compiled ones cost more than they bring.
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "%Y%m%d-%H%M%S.log",
        "log_rotation_age": "1d",
        "log_rotation_size": f"{LOG_BYTES // 1024}kB",
        "log_file_mode": "0600",
        "log_min_messages": "warning",
        # No row contents in the log.
        "log_error_verbosity": "terse",
        "log_parameter_max_length": "0",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] %q%a ",
    }
    if major >= 18:
        found["io_method"] = "sync"  # Spares three processes; what we read is in memory.
    return found
