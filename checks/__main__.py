"""`./run check`: all tools and house rules side by side; every failure is shown, and any fails the whole."""

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks import python, text
from checks.locks import locks
from checks.tree import File, Finding, tracked_files

ROOT = Path(__file__).parent.parent
TOOLS: dict[str, Sequence[str]] = {
    "types": ("mypy",),
    "imports": ("lint-imports",),
    "format": ("ruff", "format", "--check", "--quiet", "."),
    "lint": ("ruff", "check", "--quiet", "."),
    "security": ("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", "src", "checks"),
}
RULES = (
    text.hosts,
    text.machine_paths,
    text.marks,
    text.size,
    text.length,
    text.names,
    text.shell_syntax,
    python.sql_outside_stores,
    python.silent_handlers,
    python.sleeping_tests,
    python.skipped_tests,
)


def house_rules(files: Iterable[File]) -> list[Finding]:
    """Everything our own rules have to say about these files."""
    by_name = {str(file.path): file for file in files}
    findings = [finding for file in by_name.values() for rule in RULES for finding in rule(file)]
    return findings + list(locks(by_name))


def main() -> int:
    """0 when all is well."""
    with ThreadPoolExecutor() as pool:
        answers = [(name, pool.submit(_tool, *command)) for name, command in TOOLS.items()]
        answers.append(("house rules", pool.submit(_rules)))
        failed = [name for name, answer in answers if not _report(name, *answer.result())]
    print(f"check: {', '.join(failed)} failed" if failed else "check: all is well")
    return 1 if failed else 0


def _tool(program: str, *arguments: str) -> tuple[bool, str, float]:
    start = time.monotonic()
    result = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.returncode == 0, result.stdout, time.monotonic() - start


def _rules() -> tuple[bool, str, float]:
    start = time.monotonic()
    findings = house_rules(tracked_files(ROOT))
    return not findings, "".join(f"{finding}\n" for finding in findings), time.monotonic() - start


def _report(name: str, passed: bool, output: str, seconds: float) -> bool:
    if not passed:
        sys.stdout.write(output)
    print(f"{'ok  ' if passed else 'FAIL'}  {name} ({seconds:.1f} s)", flush=True)
    return passed


if __name__ == "__main__":
    sys.exit(main())
