"""The other files of `deploy/`: their linters like them, and they name settings, files and addresses there are."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from duologue.config import VARIABLES, load_settings
from tests.deploy.proxies import DEPLOY, NODES
from tests.harness.node import ROOT

NAMES = {variable.name for variable in VARIABLES}
LONGEST_SECONDS = 30
"""In which a node has left."""


def output(*command: str) -> str:
    """What a program says; it has to agree."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool(name: str) -> str:
    """A program of the development requirements."""
    return str(Path(sys.executable).with_name(name))


def compose() -> dict[str, Any]:
    """`compose.yaml`, its anchors resolved."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def filled(value: str) -> str:
    """`${NAME:-default}` and `${NAME:?}` as compose fills them in."""
    return re.sub(
        r"\$\{(\w+)(?::-([^}]*)|:\?)?\}",
        lambda found: found[2] if found[2] is not None else f"a-value-for-{found[1]}-long-enough-for-a-secret",
        value,
    )


def test_the_dockerfile_is_what_its_linter_likes() -> None:
    assert output(tool("hadolint"), "deploy/Dockerfile") == ""


def test_the_dockerfile_copies_what_there_is_and_starts_what_there_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    assert copied == ["requirements.txt", "src"]
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in kept
    settings = dict(re.findall(r"([A-Z_]+)=(\S+)", text.partition("\nENV ")[2].partition("\nRUN ")[0]))
    assert set(settings) - {"PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"} <= NAMES
    # As the image does it: the sources on the path, nothing installed of ourselves.
    done = subprocess.run(
        [sys.executable, "-m", "duologue", "serve", "--help"],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_the_compose_file_is_what_its_linter_likes() -> None:
    rules = "{extends: default, rules: {line-length: {max: 140}, comments: {min-spaces-from-content: 1}}}"
    assert output(tool("yamllint"), "--strict", "-d", rules, "deploy/compose.yaml") == ""


def test_a_node_of_the_compose_file_starts_with_its_settings_in_production(tmp_path: Path) -> None:
    dockerfile = {"ENVIRONMENT": "production", "HOST": "0.0.0.0", "DATA_DIR": str(tmp_path)}
    for name in ("node1", "node2", "migrate"):
        environment = {key: filled(str(value)) for key, value in compose()["services"][name]["environment"].items()}
        assert set(environment) <= NAMES
        settings = load_settings(dockerfile | environment | {"SMTP_HOST": "mail", "SMTP_USER": "", "SMTP_PASS": ""})
        assert settings.production
        assert settings.warnings == ()
        assert settings.nats_url == "nats://nats:4222"
        assert settings.database_url is not None
        assert settings.database_url.endswith("@postgres:5432/duologue")


def test_the_compose_file_fits_to_itself_and_to_the_proxy() -> None:
    whole = compose()
    services = whole["services"]
    for name, service in services.items():
        assert service["networks"], name
        assert set(service.get("depends_on", ())) <= set(services), name
        for needed, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy" and "build" not in services[needed]:
                assert "healthcheck" in services[needed], f"{name} waits for {needed} to be healthy"
        if "build" not in service:
            assert re.search(r":\d", service["image"]), f"{name} has no version"
    nodes = [services[name] for name in ("node1", "node2")]
    assert tuple(f"{node['networks']['inside']['ipv4_address']}:4000" for node in nodes) == NODES
    for node in nodes:
        assert int(node["stop_grace_period"].removesuffix("s")) > LONGEST_SECONDS
        assert node["environment"]["TRUSTED_PROXIES"] == services["haproxy"]["networks"]["inside"]["ipv4_address"]
    assert "HEALTHCHECK" in (DEPLOY / "Dockerfile").read_text(), "HAProxy waits for the nodes to be healthy"
    for volume in services["haproxy"]["volumes"]:
        source, target, _ = volume.split(":")
        assert (DEPLOY / source).exists() or target in (DEPLOY / "haproxy.cfg").read_text()


def test_the_unit_is_what_systemd_likes_and_waits_long_enough(tmp_path: Path) -> None:
    text = (DEPLOY / "duologue.service").read_text()
    found = re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert found is not None
    assert int(found[1]) > LONGEST_SECONDS
    for names in re.findall(r"^Environment=(.*)$", text, re.MULTILINE):
        assert {each.partition("=")[0] for each in names.split()} <= NAMES
    program = re.search(r"^ExecStart=(\S+) serve$", text, re.MULTILINE)
    assert program is not None
    if analyze := shutil.which("systemd-analyze"):  # Linux with systemd; it wants a program that is there
        unit = tmp_path / "duologue.service"
        unit.write_text(text.replace(program[1], sys.executable))
        assert output(analyze, "verify", "--man=no", str(unit)) == ""
