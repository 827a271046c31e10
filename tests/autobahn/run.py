"""The Autobahn WebSocket test suite against the framing layer: `python -m tests.autobahn.run`.

The suite runs on Python 2.7 alone: `$PYTHON27`, `python2.7`, or one of pyenv's. It is kept in a cache folder outside
the repository; the report goes to `artifacts/autobahn`. Without a Python 2.7, or a way to install it, it says so.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "artifacts" / "autobahn"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
SECTIONS = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")  # 8 does not exist; 9 is speed, 12 and 13 deflate
CASES = 247  # in these sections
FINE = ("OK", "INFORMATIONAL")
INSTALL_SECONDS = 180
RUN_SECONDS = 180
ASK = "import pip, sys; sys.exit(sys.version_info[:2] != (2, 7))"


class NotHere(Exception):
    """The suite cannot be run on this machine, for a reason to be told."""


def main() -> int:
    """Run it; 1 when a case is not OK."""
    try:
        results = run()
    except NotHere as reason:
        print(f"Autobahn: not run. {reason}")
        return 0
    print(table(results))
    return 1 if len(results) < CASES or faults(results) else 0


def run() -> dict[str, tuple[str, str]]:
    """What became of each case: its behaviour, and how it closed."""
    python = python27()
    suite = installed(python)
    with tempfile.TemporaryDirectory(prefix="autobahn-") as folder, echo_server() as port:
        specification = {
            "outdir": str(REPORT),
            "servers": [{"agent": "duologue", "url": f"ws://127.0.0.1:{port}"}],
            "cases": list(SECTIONS),
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        Path(folder, "specification.json").write_text(json.dumps(specification))
        shutil.rmtree(REPORT, ignore_errors=True)
        client = [python, "-m", "autobahntestsuite.wstest", "-m", "fuzzingclient", "-s", "specification.json"]
        done = subprocess.run(
            client, cwd=folder, env=environment(suite), timeout=RUN_SECONDS, capture_output=True, text=True, check=False
        )
    index = REPORT / "index.json"
    if not index.exists():
        raise RuntimeError(f"the suite wrote no report:\n{done.stdout}\n{done.stderr}")
    cases = json.loads(index.read_text())["duologue"]
    return {name: (cases[name]["behavior"], cases[name]["behaviorClose"]) for name in sorted(cases, key=by_number)}


def python27() -> str:
    """A Python 2.7 with pip."""
    for python in candidates():
        with contextlib.suppress(OSError):
            if subprocess.run([python, "-c", ASK], capture_output=True, check=False).returncode == 0:
                return python
    raise NotHere("There is no Python 2.7 with pip on this machine; $PYTHON27 may name one.")


def candidates() -> Iterator[str]:
    """Where a Python 2.7 may be."""
    if named := os.environ.get("PYTHON27"):
        yield named
    if found := shutil.which("python2.7"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from (str(python) for python in sorted(pyenv.glob("versions/2.7*/bin/python")))


def installed(python: str) -> Path:
    """The suite's folder, filled at the first call."""
    version = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "duologue" / "autobahn"
    suite = cache / version
    if suite.exists():
        return suite
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="new-", dir=cache) as folder:
        new = Path(folder, "suite")
        command = [python, "-m", "pip", "install", "--target", str(new), "--requirement", str(REQUIREMENTS)]
        options = ["--quiet", "--no-deps", "--only-binary=cffi,cryptography", "--disable-pip-version-check"]
        try:
            done = subprocess.run(
                command + options, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotHere("Installing the suite took too long.") from None
        if done.returncode:
            raise NotHere(f"The suite could not be installed: {done.stderr.strip().splitlines()[-1:]}")
        (new / "zope" / "__init__.py").touch()  # a folder of packages, which Python 2.7 would not take for one
        try:
            new.rename(suite)
        except OSError:  # somebody else has just done the same
            if not suite.exists():
                raise
    return suite


def environment(suite: Path) -> dict[str, str]:
    """For the suite: its own modules, and nobody else's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return kept | {"PYTHONPATH": str(suite), "PYTHONDONTWRITEBYTECODE": "1"}


@contextlib.contextmanager
def echo_server() -> Iterator[int]:
    """The port of an echo server that runs meanwhile."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.autobahn.echo"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def by_number(case: str) -> list[int]:
    """`1.10.2` comes after `1.9.1`."""
    return [int(part) for part in case.split(".")]


def faults(results: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The cases that are not OK; NON-STRICT is not."""
    return {case: result for case, result in results.items() if not set(result) <= set(FINE)}


def table(results: Mapping[str, tuple[str, str]]) -> str:
    """What is not OK, a line each, and a sum."""
    wrong = faults(results)
    lines = [f"{case:10}{behaviour:16}{close}" for case, (behaviour, close) in wrong.items()]
    return "\n".join([*lines, f"Autobahn: {len(results) - len(wrong)} of {CASES} cases are OK. Report: {REPORT}"])


if __name__ == "__main__":
    sys.exit(main())
