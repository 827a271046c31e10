"""The tools that look for holes: bandit over the code, pip-audit over what we depend on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from checks.audit import CLEAN, FOUND, NOBODY_ANSWERS, judge

ROOT = Path(__file__).parent.parent


def report(*dependencies):
    """What pip-audit prints."""
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


def hole(name="CVE-2026-1", fixed=("2.0",)):
    return {"id": name, "fix_versions": list(fixed), "aliases": [f"GHSA-{name}"], "description": "bad"}


CLEAN_ONE = {"name": "good", "version": "1.0", "vulns": []}
BAD_ONE = {"name": "bad", "version": "1.0", "vulns": [hole()]}
UNKNOWN = {"name": "odd", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("text", "accepted", "status", "words"),
    [
        (report(CLEAN_ONE), {}, CLEAN, "1 of 1 packages looked up, 0 open"),
        (report(CLEAN_ONE, BAD_ONE), {}, FOUND, "bad 1.0: CVE-2026-1 (fixed in 2.0)"),
        (report(BAD_ONE), {"CVE-2026-1": "we never call it"}, CLEAN, "accepted: we never call it"),
        (report(BAD_ONE), {"GHSA-CVE-2026-1": "we never call it"}, CLEAN, "accepted: we never call it"),
        (report(CLEAN_ONE), {"CVE-2026-1": "we never call it"}, CLEAN, "found no more"),
        (report(BAD_ONE, UNKNOWN), {}, FOUND, "1 of 2"),
        (report(CLEAN_ONE, UNKNOWN), {}, NOBODY_ANSWERS, "1 of 2"),
        (report(UNKNOWN), {}, NOBODY_ANSWERS, "0 of 1"),
        ("", {}, NOBODY_ANSWERS, "nothing is known"),
        ("Traceback", {}, NOBODY_ANSWERS, "nothing is known"),
    ],
)
def test_a_known_hole_fails_and_silence_is_no_all_clear(text, accepted, status, words):
    verdict = judge(text, accepted)
    assert verdict.status == status
    assert words in "\n".join(verdict.lines)


def test_bandit_is_on_and_finds_what_is_planted(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("import subprocess\nsubprocess.call(input(), shell=True)\neval(input())\n")
    command = [Path(sys.executable).with_name("bandit"), "--quiet", "--configfile", "pyproject.toml", planted]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "B602" in found.stdout
    assert "B307" in found.stdout
