"""Rules about Python files, read as syntax trees so that strings and comments do not mislead."""

import ast
import re
from collections.abc import Iterator

from checks.tree import File, Finding

__all__ = ["silent_handlers", "skipped_tests", "sleeping_tests", "sql_outside_stores"]

SQL = re.compile(
    r"\s*(SELECT|WITH|INSERT\s+INTO|DELETE\s+FROM|COPY|LISTEN|NOTIFY|TRUNCATE|LOCK)\s+\S"
    r"|\s*UPDATE\s+\S+\s+(AS\s+\w+\s+)?SET\s|\s*(CREATE|ALTER|DROP)\s+(TABLE|INDEX|UNLOGGED|UNIQUE|FUNCTION|TYPE|DATABASE|ROLE)\s"
)
SKIPS = {"pytest.skip", "pytest.importorskip", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}
BROAD = {"Exception", "BaseException"}


def sql_outside_stores(file: File) -> Iterator[Finding]:
    """SQL lives in the store of its feature: `store*.py`, `*_store.py`, or below `database/`."""
    path = file.path
    if (
        path.parts[0] != "src"
        or "database" in path.parts
        or path.stem.startswith("store")
        or path.stem.endswith("_store")
    ):
        return
    tree = _tree(file)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documentation
            and SQL.match(node.value)
        ):
            yield file.finding(node.lineno, f"SQL outside a store: {' '.join(node.value.split())[:40]!r}")


def silent_handlers(file: File) -> Iterator[Finding]:
    """A failure that nobody hears of is the one that is searched for longest."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and all(map(_does_nothing, node.body)):
            yield file.finding(node.lineno, "swallows every exception; name the one that is meant, or log it")
        if isinstance(node, ast.Call) and _name(node.func).endswith("suppress") and any(map(_is_broad, node.args)):
            yield file.finding(node.lineno, "suppresses every exception; name the one that is meant")


def sleeping_tests(file: File) -> Iterator[Finding]:
    """A test waits for the event; a sleep is too short on a bad day and too long on all others."""
    if file.path.parts[0] != "tests":
        return
    tree = _tree(file)
    slept = {"time.sleep"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            slept |= {name.asname or name.name for name in node.names if name.name == "sleep"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in slept:
            yield file.finding(node.lineno, "sleeps; wait for the event instead")


def skipped_tests(file: File) -> Iterator[Finding]:
    """A test that may be skipped shows nothing; for want of a program it may be, but then it fails in CI."""
    if file.path.parts[0] != "tests":
        return
    tree = _tree(file)
    guarded = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and "pytest.fail" in _called(function)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or (name := _name(node)) not in SKIPS:
            continue
        if name != "pytest.skip" or id(node) not in guarded:
            yield file.finding(node.lineno, f"{name}: every test runs, and passes")


def _called(function: ast.AST) -> set[str]:
    return {_name(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}


def _tree(file: File) -> ast.Module:
    if file.path.suffix != ".py" or file.is_foreign:
        return ast.Module([], [])
    try:
        return ast.parse(file.data)
    except SyntaxError:  # ruff says it better
        return ast.Module([], [])


def _name(node: ast.expr) -> str:
    """`a.b.c` of such an expression, else its last part."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def _is_broad(node: ast.expr | None) -> bool:
    if isinstance(node, ast.Tuple):
        return any(map(_is_broad, node.elts))
    return node is None or _name(node) in BROAD


def _does_nothing(statement: ast.stmt) -> bool:
    is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_constant or isinstance(statement, ast.Pass | ast.Continue)
