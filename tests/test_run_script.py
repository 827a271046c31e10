"""`./run` on machines good and bad: a real copy of the script, real .venvs, one tiny package, no network.

A .venv is the copy of one that was really made: making it takes seconds, and most tests want one.
"""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from duologue.cli import app

ROOT = Path(__file__).parent.parent
PYTHON = Path(getattr(sys, "_base_executable", sys.executable))
pytestmark = [pytest.mark.early, pytest.mark.xdist_group("run")]  # one worker makes what they copy
COPY = f"{shutil.which('cp')} {'-al' if sys.platform == 'linux' else '-a'}"
TOOLS = ("sh", "cat", "cksum", "date", "dirname", "grep", "ls", "mv", "rm", "sed")
SERVER = """
import os, sys, pebble
print("served", os.getcwd(), *sys.argv[1:])
try:
    os.fstat(9)
    print("the lock is still held")
except OSError:
    pass
"""


def wheel(folder: Path) -> tuple[Path, str]:
    """The smallest package there is, and its hash."""
    path = folder / "pebble-1.0-py3-none-any.whl"
    info = "pebble-1.0.dist-info"
    files = {
        "pebble.py": b"",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: pebble\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for name, data in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


class Machine:
    """A checkout with a small lock, on a machine where only what is put into `bin` is on the PATH."""

    def __init__(self, folder: Path, venv: Path) -> None:
        self.venv = venv
        self.root = folder / "a check out"  # the space is meant
        self.bin = folder / "bin"
        self.starts = folder / "python-starts"
        wheels = folder / "wheels"
        for made in (self.root / "src" / "duologue", self.bin, wheels):
            made.mkdir(parents=True)
        for tool in TOOLS:
            self.bin.joinpath(tool).symlink_to(shutil.which(tool) or tool)
        shutil.copy(ROOT / "run", self.root / "run")
        self.root.joinpath("src/duologue/__main__.py").write_text(SERVER)
        _, digest = wheel(wheels)
        self.lock(digest)
        self.environ = {
            "PATH": str(self.bin),
            "HOME": str(folder),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
        }

    def lock(self, digest: str) -> None:
        """Lock the one package to a hash."""
        for name in ("requirements.txt", "requirements-dev.txt"):
            self.root.joinpath(name).write_text(f"pebble==1.0 \\\n    --hash=sha256:{digest}\n")

    def command(self, name: str, script: str) -> None:
        """Put a shell script on the PATH."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def python(self, name: str = "python3.11") -> None:
        """Put this very Python on the PATH; its starts are counted, and the first .venv is kept to be copied."""
        self.command(
            name,
            f"""echo >>"{self.starts}"
            case "$1 $2" in
                "-c "*ensurepip*) "{PYTHON}" "$@" >/dev/null || exit; echo "$0" ;;
                "-m venv") [ -d "{self.venv}" ] || "{PYTHON}" -m venv "{self.venv}"; exec {COPY} "{self.venv}" "$3" ;;
                *) exec "{PYTHON}" "$@" ;;
            esac""",
        )

    def started_pythons(self) -> int:
        """How often the Python of the PATH was started."""
        return len(self.starts.read_text().splitlines()) if self.starts.exists() else 0

    def popen(self, *arguments: str, cwd: Path | None = None, via: Sequence[str] = ()) -> "subprocess.Popen[str]":
        """`./run` with these arguments, from a folder of the caller's choice."""
        return subprocess.Popen(
            [*via, str(self.root / "run"), *arguments],
            env=self.environ,
            cwd=cwd or self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, cwd: Path | None = None, via: Sequence[str] = ()) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        with self.popen(*arguments, cwd=cwd, via=via) as process:
            out, err = process.communicate()
        return process.returncode, out, err


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first .venv is kept."""
    return tmp_path_factory.mktemp("kept") / "venv"


@pytest.fixture
def machine(tmp_path: Path, venv: Path) -> Machine:
    """A machine without a Python."""
    return Machine(tmp_path, venv)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, venv: Path) -> Machine:
    """A machine after its first run."""
    machine = Machine(tmp_path_factory.mktemp("ready"), venv)
    machine.python()
    status, out, err = machine.run("serve")
    assert (status, out) == (0, f"served {machine.root} serve\n"), err
    assert "making .venv" in err
    assert "installing 1 packages" in err
    assert "ready after" in err
    return machine


def test_a_later_run_says_nothing_and_starts_no_python_but_the_servers(ready: Machine) -> None:
    before = ready.started_pythons()
    assert ready.run("serve", "--port", "0") == (0, f"served {ready.root} serve --port 0\n", "")
    assert ready.started_pythons() == before


@pytest.mark.parametrize(
    "via",
    [
        [found, *more]
        for shell, *more in (["dash"], ["bash", "--posix"], ["busybox", "sh"], ["ksh"])
        if (found := shutil.which(shell))
    ],
    ids=lambda via: Path(via[0]).name,
)
def test_any_posix_shell_runs_it(ready: Machine, via: list[str]) -> None:
    assert ready.run("doctor", via=via) == (0, f"served {ready.root} doctor\n", "")


def test_it_works_from_any_folder_as_if_started_in_its_own(ready: Machine, tmp_path: Path) -> None:
    assert ready.run("serve", cwd=tmp_path)[:2] == (0, f"served {ready.root} serve\n")
    relative = os.path.relpath(ready.root, tmp_path)
    ready.environ["CDPATH"] = "/"
    with subprocess.Popen(
        [f"{relative}/run", "doctor"], cwd=tmp_path, env=ready.environ, stdout=subprocess.PIPE
    ) as process:
        assert process.communicate()[0] == f"served {ready.root} doctor\n".encode()


def test_every_command_of_the_server_is_passed_on_and_an_unknown_one_is_refused(ready: Machine) -> None:
    for command in app.registered_commands:
        if command.hidden:
            continue  # what the server starts by itself
        name = command.name or getattr(command.callback, "__name__", "")
        assert ready.run(name)[:2] == (0, f"served {ready.root} {name}\n")
    assert ready.run("sevre") == (2, "", "run: unknown command: sevre (./run help lists them)\n")


def test_help_needs_no_python(machine: Machine) -> None:
    for arguments in ([], ["help"], ["--help"]):
        status, out, err = machine.run(*arguments)
        assert (status, err) == (0, "")
        assert "./run COMMAND" in out


def test_signals_reach_the_server(ready: Machine) -> None:
    main = ready.root / "src/duologue/__main__.py"
    main.write_text("import signal\nprint('up', flush=True)\nsignal.pause()\n")
    try:
        with ready.popen("serve") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait() == -signal.SIGTERM
    finally:
        main.write_text(SERVER)


def test_without_a_python_one_line_says_what_is_needed(machine: Machine) -> None:
    machine.command("python3.12", 'echo "pyenv: python3.12: command not found" >&2\nexit 127')
    assert machine.run("serve") == (2, "", "run: Python 3.11 or newer is needed, and none was found on the PATH\n")


def test_a_too_old_python_is_named(machine: Machine) -> None:
    machine.command("python3", 'echo "/usr/bin/python3 is Python 3.9"\nexit 3')
    assert machine.run("serve") == (2, "", "run: Python 3.11 or newer is needed; /usr/bin/python3 is Python 3.9\n")


def test_a_python_without_venv_says_what_to_install(machine: Machine) -> None:
    blocked = 'import sys; sys.modules["ensurepip"] = None; del sys.argv[0]; exec(sys.argv[0])'
    machine.command("python3", f'shift\nexec "{PYTHON}" -c \'{blocked}\' "$@"')
    status, out, err = machine.run("serve")
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    assert (status, out) == (2, "")
    assert err == f"run: Python has no venv module here; install it first (Debian, Ubuntu: apt install {package})\n"


def test_a_shim_that_does_not_run_and_a_too_old_python_are_passed_over(machine: Machine) -> None:
    machine.command("python3.14", "exit 127")
    machine.command("python3.13", 'echo "/usr/bin/python3 is Python 3.9"\nexit 3')
    machine.python("python3")
    assert machine.run("serve")[:2] == (0, f"served {machine.root} serve\n")


@pytest.mark.thorough
def test_PYTHON_picks_the_python(machine: Machine, tmp_path: Path) -> None:  # noqa: N802 (the variable's name)
    machine.command("python3.14", "exit 127")
    machine.environ["PYTHON"] = str(tmp_path / "nothing")
    assert machine.run("serve") == (2, "", f"run: PYTHON={tmp_path}/nothing does not run\n")
    machine.environ["PYTHON"] = str(PYTHON)
    assert machine.run("serve")[:2] == (0, f"served {machine.root} serve\n")


def test_a_first_run_that_was_killed_is_repaired_by_the_next(machine: Machine) -> None:
    machine.python()
    with machine.popen("serve") as process:
        assert process.stderr is not None
        assert any("installing" in line for line in process.stderr)
        os.killpg(process.pid, signal.SIGKILL)
    assert not machine.root.joinpath(".venv/ready.stamp").exists()
    status, out, err = machine.run("serve")
    assert (status, out) == (0, f"served {machine.root} serve\n")
    assert "making .venv" in err


def test_two_first_runs_at_once_make_one_venv(machine: Machine) -> None:
    machine.python()
    with machine.popen("serve") as one, machine.popen("doctor") as other:
        (out, err), (other_out, other_err) = one.communicate(), other.communicate()
    assert (out, other_out) == (f"served {machine.root} serve\n", f"served {machine.root} doctor\n")
    assert (err + other_err).count("ready after") == 1


def test_a_package_that_does_not_match_its_hash_is_refused_and_a_mended_lock_repairs(machine: Machine) -> None:
    machine.python()
    right = machine.root.joinpath("requirements.txt").read_text().strip()[-64:]
    machine.lock("0" * 64)
    status, out, err = machine.run("serve")
    assert (status, out) == (2, "")
    assert "DO NOT MATCH" in err
    assert err.splitlines()[-1].startswith("run: pip could not install the packages")
    machine.lock(right)
    assert machine.run("serve")[:2] == (0, f"served {machine.root} serve\n")


@pytest.mark.thorough
def test_changed_locks_a_moved_checkout_and_a_vanished_python_are_noticed(machine: Machine) -> None:
    machine.python()
    assert machine.run("serve")[0] == 0
    with machine.root.joinpath("requirements.txt").open("a") as lock:
        lock.write("# a new pin\n")
    assert "bringing .venv up to date" in machine.run("serve")[2]

    machine.root = machine.root.rename(machine.root.with_name("moved"))
    status, out, err = machine.run("serve")
    assert (status, out) == (0, f"served {machine.root} serve\n")
    assert "making .venv" in err

    python = machine.root / ".venv/bin/python"
    python.unlink()
    python.symlink_to(machine.root / "gone")
    status, out, err = machine.run("serve")
    assert (status, out) == (0, f"served {machine.root} serve\n")
    assert "making .venv" in err
    assert machine.run("serve")[2] == ""


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        ([], "-n auto --dist loadgroup --cov --cov-report=term"),
        (
            ["-q", "--maxfail=1", "--thorough"],
            "-n auto --dist loadgroup --cov --cov-report=term -q --maxfail=1 --thorough",
        ),
        (["--rest"], "-n auto --dist loadgroup --rest"),
        (["tests/test_story.py", "-x"], "tests/test_story.py -x"),
        (["-k", "two words"], "-k two words"),
    ],
)
def test_all_tests_run_in_parallel_and_named_ones_as_plain_pytest(
    ready: Machine, given: list[str], passed_on: str
) -> None:
    ready.root.joinpath("src/pytest.py").write_text("import sys; print(*sys.argv[1:])")
    status, out, err = ready.run("test", *given)
    assert (status, out) == (0, f"{passed_on}\n"), err


def test_tests_add_the_development_lock_and_serve_is_content_with_it(machine: Machine) -> None:
    machine.python()
    machine.root.joinpath("checks.py").write_text("print('checked')")
    machine.root.joinpath("requirements-dev.txt").write_text(
        machine.root.joinpath("requirements.txt").read_text() + "#\n"
    )
    assert machine.run("serve")[0] == 0
    status, out, err = machine.run("check")
    assert (status, out) == (0, "checked\n")
    assert "from requirements-dev.txt" in err
    assert machine.run("serve")[2] == ""


@pytest.mark.thorough
def test_uv_is_used_where_it_is_there_and_pip_where_uv_fails(machine: Machine) -> None:
    machine.python()
    machine.command(
        "uv", f'case $1 in venv) shift 4; exec "{PYTHON}" -m venv --without-pip "$@" ;; pip) exit 1 ;; esac'
    )
    status, out, err = machine.run("serve")
    assert (status, out) == (0, f"served {machine.root} serve\n")
    assert "with uv" in err
    assert "trying pip" in err


def test_a_checkout_that_cannot_be_written_says_so(machine: Machine) -> None:
    machine.python()
    machine.root.chmod(0o555)
    may_do_all = os.geteuid() == 0
    plainly = [shutil.which("setpriv") or "setpriv", "--bounding-set=-dac_override"] if may_do_all else []
    status, out, err = machine.run("serve", via=plainly)
    assert (status, out) == (2, "")
    assert err == f"run: no permission to write in {machine.root}\n"
