"""Each house rule finds the violation that is planted for it, and leaves its neighbour alone."""

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

import pytest

from checks import python, text
from checks.__main__ import house_rules
from checks.locks import locks
from checks.tree import File, Finding, tracked_files

Rule = Callable[[File], Iterable[Finding]]
ROOT = Path(__file__).parent.parent
HASH = "    --hash=sha256:" + "0" * 64

PLANTED: list[tuple[Rule, str, str]] = [
    (text.hosts, "docs/install.md", "pip install -i https://pypi" + ".org/simple duologue"),
    (text.hosts, "Dockerfile", "RUN curl https://files.pythonhosted" + ".org/x.whl"),
    (text.machine_paths, "docs/install.md", "cd /home" + "/ann/duologue"),
    (text.machine_paths, "run", "#!/bin/sh\ncd /root" + "/checkout"),
    (text.marks, "src/duologue/app.py", "# TO" + "DO later"),
    (text.marks, "docs/api.md", "FIX" + "ME: wrong"),
    (text.length, "src/duologue/hub.py", "pass\n" * 501),
    (text.length, "run", "#!/bin/sh\n" + ":\n" * 500),
    (text.length, "clients/js/a.js", "// A client.\n// Made from src by build.mjs: change it there.\n" + ";\n" * 500),
    (text.names, "src/duologue/chat/utils.py", ""),
    (text.names, "src/duologue/common/hub.py", ""),
    (text.names, "clients/js/string_helpers.js", ""),
    (text.names, "manual/http.py", ""),
    (text.size, "docs/film.gif", "x" * (2 * 1024 * 1024 + 1)),
    (text.shell_syntax, "run", "#!/bin/sh\nif true; then\n"),
    (text.shell_syntax, "tools/go.sh", "case x in\n"),
    (text.shell_syntax, ".ci/run", "#!/usr/bin/env bash\nwhile\n"),
    (python.sql_outside_stores, "src/duologue/chat/service.py", 'q = "SELECT id FROM users"'),
    (python.sql_outside_stores, "src/duologue/chat/service.py", 'q = f"""\n  INSERT INTO rooms VALUES ({x})"""'),
    (python.sql_outside_stores, "src/duologue/app.py", 'q = "UPDATE users AS u SET online = false"'),
    (python.sql_outside_stores, "src/duologue/app.py", 'q = "WITH gone AS (DELETE FROM x)"'),
    (python.silent_handlers, "src/duologue/app.py", "try:\n    go()\nexcept Exception:\n    pass"),
    (python.silent_handlers, "src/duologue/app.py", "try:\n    go()\nexcept:\n    ..."),
    (python.silent_handlers, "src/duologue/app.py", "with contextlib.suppress(Exception):\n    go()"),
    (python.sleeping_tests, "tests/test_a.py", "import time\ntime.sleep(1)"),
    (python.sleeping_tests, "tests/test_a.py", "from time import sleep as nap\nnap(1)"),
    (python.skipped_tests, "tests/test_a.py", "@pytest.mark.skipif(True)\ndef test_a(): ..."),
    (python.skipped_tests, "tests/test_a.py", "def test_a(): pytest.skip('later')"),
]

INNOCENT: list[tuple[Rule, str, str]] = [
    (text.hosts, "docs/install.md", "pip install duologue"),
    (text.machine_paths, "docs/install.md", "a clone under /root, or $HOME/work/x"),
    (text.marks, "src/duologue/app.py", "mktemp -d /tmp/XXXXXX"),
    (text.marks, "src/duologue/web/vendor/page.js", "// TO" + "DO of somebody else"),
    (text.length, "src/duologue/hub.py", "pass\n" * 500),
    (text.length, "README.md", "word\n" * 900),
    (text.length, "clients/js/a.js", "// A client. Made from src by build.mjs: change it there.\n" + ";\n" * 500),
    (text.names, "src/duologue/web/vendor/utils.js", ""),
    (text.names, "src/duologue/auth/common_passwords.py", ""),
    (text.shell_syntax, "run", "#!/bin/sh\nif true; then :; fi\n"),
    (python.sql_outside_stores, "src/duologue/chat/store.py", 'q = "SELECT id FROM users"'),
    (python.sql_outside_stores, "src/duologue/chat/journal_store.py", 'q = "SELECT id FROM users"'),
    (python.sql_outside_stores, "src/duologue/database/schema.py", 'q = "SELECT id FROM users"'),
    (python.sql_outside_stores, "src/duologue/app.py", 'm = ("DELETE", "UPDATE", "WITH care", "With love")'[:35] + ")"),
    (python.sql_outside_stores, "src/duologue/app.py", '"""SELECT words from a docstring."""'),
    (python.silent_handlers, "src/duologue/app.py", "try:\n    go()\nexcept Exception:\n    log.exception('no')"),
    (python.silent_handlers, "src/duologue/app.py", "try:\n    go()\nexcept ValueError:\n    pass"),
    (python.sleeping_tests, "src/duologue/app.py", "import time\ntime.sleep(1)"),
    (python.sleeping_tests, "tests/test_a.py", "await asyncio.sleep(0)"),
    (python.skipped_tests, "tests/test_a.py", "@pytest.mark.long\ndef test_a(): ..."),
    (
        python.skipped_tests,
        "tests/tools.py",
        "def missing():\n    if ci:\n        pytest.fail('')\n    pytest.skip('')",
    ),
]


def file(path: str, content: str) -> File:
    """A file as git would hand it over."""
    return File(PurePosixPath(path), content.encode())


@pytest.mark.parametrize(("rule", "path", "content"), PLANTED)
def test_a_planted_violation_is_found(rule: Rule, path: str, content: str) -> None:
    planted = file(path, content)
    findings = list(rule(planted))
    assert findings
    assert all(finding.path == planted.path for finding in findings)


@pytest.mark.parametrize(("rule", "path", "content"), INNOCENT)
def test_what_only_looks_like_a_violation_is_left_alone(rule: Rule, path: str, content: str) -> None:
    assert list(rule(file(path, content))) == []


def test_a_finding_prints_like_a_compilers_message() -> None:
    (finding,) = text.marks(file("docs/a.md", "one\ntwo FIX" + "ME"))
    assert str(finding).startswith("docs/a.md:2: ")


def _project(run: str, dev: str) -> dict[str, File]:
    pyproject = '[project]\ndependencies = ["httptools>=0.9,<0.10"]\n[dependency-groups]\ndev = ["ruff>=0.17"]\n'
    contents = {"pyproject.toml": pyproject, "requirements.txt": run, "requirements-dev.txt": dev}
    return {path: file(path, content) for path, content in contents.items()}


HTTPTOOLS = f"httptools[extra]==0.9.1 \\\n{HASH}\n"
RUFF = f"ruff==0.17.2 ; sys_platform != 'win32' \\\n{HASH}\n"


def test_locks_that_follow_pyproject_are_left_alone() -> None:
    assert list(locks(_project(HTTPTOOLS, HTTPTOOLS + RUFF))) == []


@pytest.mark.parametrize(
    ("run", "dev", "message"),
    [
        ("", HTTPTOOLS + RUFF, "nothing is locked"),
        (HTTPTOOLS, HTTPTOOLS, "ruff>=0.17 of pyproject.toml"),
        (HTTPTOOLS.replace("0.9.1", "0.10.0"), HTTPTOOLS + RUFF, "but 0.10.0 is locked"),
        (HTTPTOOLS, HTTPTOOLS.replace("0.9.1", "0.9.2") + RUFF, "is not what requirements-dev.txt says"),
        ("--index-url https://example.org/simple\n" + HTTPTOOLS, HTTPTOOLS + RUFF, "ties the lock to a place"),
        ("--find-links wheels\n" + HTTPTOOLS, HTTPTOOLS + RUFF, "ties the lock to a place"),
        ("duologue @ file:///srv/duologue\n" + HTTPTOOLS, HTTPTOOLS + RUFF, "ties the lock to a place"),
        (f"{HTTPTOOLS}h11==0.16.0\n", f"{HTTPTOOLS}{RUFF}h11==0.16.0 \\\n{HASH}\n", "is not a pin with hashes"),
    ],
)
def test_a_lock_that_strays_is_found(run: str, dev: str, message: str) -> None:
    assert any(message in finding.message for finding in locks(_project(run, dev)))


def test_new_files_are_checked_before_they_are_committed_and_ignored_ones_are_not(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    tmp_path.joinpath(".gitignore").write_text("data/\n")
    tmp_path.joinpath("data").mkdir()
    for name in ("new.py", "data/kept.py", "name with ümlaut.md"):
        tmp_path.joinpath(name).write_text("#")
    assert {str(found.path) for found in tracked_files(tmp_path)} == {".gitignore", "new.py", "name with ümlaut.md"}


@pytest.mark.thorough
def test_all_rules_read_every_file_of_this_checkout() -> None:
    files = list(tracked_files(ROOT))
    assert "run" in {str(found.path) for found in files}
    house_rules(files)
