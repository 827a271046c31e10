"""Whether another account could enter a folder or read a file, by the permission bits on the way."""

from pathlib import Path

from duologue.child import Account

__all__ = ["may_pass", "may_read"]


def may_pass(folder: Path, account: Account) -> bool:
    """Whether the account can enter this folder and every one above it (access lists are not looked at)."""
    folder = folder.resolve()
    return all(_allowed(path, account, 1) for path in (folder, *folder.parents))


def may_read(file: Path, account: Account) -> bool:
    """Whether the account can read this file, once it is in its folder."""
    return _allowed(file, account, 4)


def _allowed(path: Path, account: Account, bit: int) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    if status.st_uid == account.uid:
        bit <<= 6
    elif status.st_gid == account.gid:
        bit <<= 3
    return bool(status.st_mode & bit)
