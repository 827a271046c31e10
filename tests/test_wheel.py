"""`pip install .`: the wheel holds all that a server needs, and its command works from any folder."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from checks.tree import tracked_files
from tests.harness.http import plain_client
from tests.harness.node import ADDRESS, clean_environment
from tests.harness.postgres import make_database

pytestmark = pytest.mark.xdist_group("wheel")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of this checkout."""
    copy = tmp_path_factory.mktemp("copy")
    for file in tracked_files(ROOT):
        target = copy / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=copy, check=True, capture_output=True
    )
    (built,) = copy.glob("dist/*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `duologue` of a fresh .venv with the wheel in it; it borrows the dependencies of this one."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-qq", "--no-index", "--no-deps", str(wheel)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    packages.joinpath("dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "duologue"


def test_the_wheel_holds_everything_below_the_package_and_nothing_else(wheel: Path) -> None:
    expected = {
        str(file.path.relative_to("src")) for file in tracked_files(ROOT) if file.path.is_relative_to("src/duologue")
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == expected
    for folder in ("database/migrations/versions/", "mail/templates/", "web/vendor/"):
        assert any(name.startswith(f"duologue/{folder}") for name in packed)


@pytest.mark.thorough
async def test_the_installed_command_migrates_and_serves_from_any_folder(
    command: Path, postgres_dsn: str, worker_id: str, tmp_path: Path
) -> None:
    dsn = await make_database(postgres_dsn, f"wheel_{worker_id}")
    environment = clean_environment({"DATABASE_URL": dsn, "DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": ""})
    subprocess.run([command, "migrate"], cwd=tmp_path, env=environment, check=True)
    with subprocess.Popen(
        [command, "serve", "--port", "0"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            address = next(match[0] for line in server.stdout if (match := ADDRESS.search(line)))
            async with plain_client(base_url=address) as client:
                for page in ("/readyz", "/docs", "/dev/mailbox"):
                    assert (await client.get(page)).status_code == 200
        finally:
            server.terminate()
