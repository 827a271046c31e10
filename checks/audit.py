"""`./run audit`: are there known holes in what we ship and build with? Asks over the network, unlike `./run check`.

Ends with 0 when none is known, 1 when one is, and 75 (EX_TEMPFAIL) when nobody could be asked.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Verdict", "judge"]

ROOT = Path(__file__).parent.parent
LOCK = "requirements-dev.txt"  # holds all of requirements.txt, pinned alike (checks/locks.py)
CLEAN, FOUND, NOBODY_ANSWERS = 0, 1, 75
SECONDS = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to say, and how to end."""

    status: int
    lines: list[str]


def judge(report: str, accepted: Mapping[str, str]) -> Verdict:
    """Read pip-audit's JSON; `accepted` says of an advisory why we live with it."""
    try:
        dependencies: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Verdict(NOBODY_ANSWERS, ["audit: no advisories could be fetched; nothing is known about anything"])
    asked = [each for each in dependencies if "skip_reason" not in each]
    lines, open_ones, used = [], 0, set()
    for each in asked:
        for hole in each["vulns"]:
            names = {hole["id"], *hole.get("aliases", ())}
            reason = next((accepted[name] for name in sorted(names) if name in accepted), None)
            used |= names & set(accepted)
            open_ones += reason is None
            fixed = ", ".join(hole["fix_versions"]) or "no version yet"
            note = f"accepted: {reason}" if reason else f"fixed in {fixed}"
            lines.append(f"{each['name']} {each['version']}: {hole['id']} ({note})")
    if asked:
        lines += [f"{name} is accepted in pyproject.toml, but found no more" for name in sorted(set(accepted) - used)]
    lines.append(f"audit: {len(asked)} of {len(dependencies)} packages looked up, {open_ones} open advisories")
    if open_ones:
        return Verdict(FOUND, lines)
    return Verdict(CLEAN if len(asked) == len(dependencies) and asked else NOBODY_ANSWERS, lines)


def main() -> int:
    """Ask about every package of the locks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    accepted = project["tool"]["duologue"]["audit"]["accepted"]
    program = str(Path(sys.executable).with_name("pip-audit"))
    # The locks are whole: nothing has to be resolved, so nothing is installed or built.
    command = [
        program,
        "--requirement",
        LOCK,
        "--disable-pip",
        "--require-hashes",
        "--format",
        "json",
        "--timeout",
        "15",
    ]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS).stdout
    except subprocess.TimeoutExpired:
        answer = ""
    verdict = judge(answer, accepted)
    print("\n".join(verdict.lines))
    return verdict.status


if __name__ == "__main__":
    sys.exit(main())
