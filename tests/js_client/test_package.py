"""What of the JavaScript client is shipped: by the server, by npm, and by the wheel."""

import json
import zipfile

import pytest
from hatchling.builders.wheel import WheelBuilder

from duologue import __version__
from tests.clients.tools import MODULES, node_program, output_of, program
from tests.harness.http import plain_client
from tests.harness.node import ROOT

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("js-client")]

CLIENT = ROOT / "clients" / "js"


async def test_the_server_has_the_module_for_every_page(server):
    async with plain_client(base_url=server.url) as http:
        answer = await http.get("/client/duologue.js")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.content == (CLIENT / "duologue.js").read_bytes()
        assert int(answer.headers["content-length"]) < 12 * 1024
        plain = await http.get("/client/duologue.js", headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
        known = await http.get("/client/duologue.js", headers={"If-None-Match": answer.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")


async def test_what_is_shipped_is_made_from_the_sources_and_its_types_hold(tmp_path):
    node = await node_program()
    await output_of(str(MODULES / ".bin" / "tsc"), "-p", str(CLIENT))
    await output_of(node, str(CLIENT / "build.mjs"), str(tmp_path))
    for name in ("duologue.js", "duologue.d.ts"):
        assert (tmp_path / name).read_text() == (CLIENT / name).read_text(), f"{name}: npm run build"


async def test_the_package_holds_the_module_its_types_and_its_licence():
    await node_program()
    packed = json.loads(await output_of(program("npm"), "pack", "--dry-run", "--json", "--offline", cwd=CLIENT))
    names = {file["path"] for file in packed[0]["files"]}
    assert names == {"duologue.js", "duologue.d.ts", "package.json", "README.md", "LICENSE"}
    described = json.loads((CLIENT / "package.json").read_text())
    assert {path.removeprefix("./") for path in described["exports"]["."].values()} <= names
    assert described.get("dependencies") is None
    assert described["version"] == __version__


def test_the_wheel_holds_the_very_module(tmp_path):
    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(wheel) as files:
        assert files.read("duologue/web/static/duologue.js") == (CLIENT / "duologue.js").read_bytes()
