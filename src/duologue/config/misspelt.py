"""Names that are meant for us and are none of ours: a wrong name is a setting that silently is not in force."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Final

from duologue.config.variables import NAMES

__all__ = ["misspelt"]

# Kubernetes tells every container of every service: SMTP_PORT_25_TCP_ADDR, NATS_SERVICE_HOST.
_OF_A_CLUSTER: Final = re.compile(r"_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)")
_FAMILIES: Final = ("JWT_", "SMTP_")


def misspelt(environ: Mapping[str, str], in_file: Mapping[str, str]) -> list[str]:
    """Names that are probably meant for us: anything unknown in `.env`, look-alikes in the environment."""
    found = []
    for name in sorted(set(environ) | set(in_file)):
        if name in NAMES or (name not in in_file and _OF_A_CLUSTER.search(name)):
            continue
        upper = name.upper()
        # Short names (HOST, PORT) have innocent neighbours.
        long_names = [known for known in NAMES if len(known) > 5]
        near = [upper] if upper in NAMES and len(upper) > 5 else _nearest(upper, long_names, 0.85)
        if name in in_file or near or upper.startswith(_FAMILIES):
            near = near or _nearest(upper, NAMES, 0.6)
            place = " in .env" if name in in_file else ""
            hint = f": did you mean {near[0]}?" if near else "; see .env.example for those there are."
            found.append(f"{name}{place} is no variable of Duologue{hint}")
    return found


def _nearest(name: str, known: Sequence[str], least: float) -> list[str]:
    """The one most alike, of equals the one that begins alike (SMTP_PASWORD: SMTP_PASS, not SMTP_PORT)."""
    rank = {
        other: (difflib.SequenceMatcher(None, name, other).ratio(), _same_beginning(name, other)) for other in known
    }
    best = max(known, key=lambda other: rank[other])
    return [best] if rank[best][0] >= least else []


def _same_beginning(one: str, other: str) -> int:
    return next((index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
