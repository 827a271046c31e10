"""What a server says of itself."""

from duologue.conformance.case import case, equal, true
from duologue.conformance.sign_in import refused
from duologue.conformance.stage import Stage


@case("Documents", grown=True)
async def openapi_and_asyncapi_are_served(stage: Stage) -> None:
    openapi = await stage.visitor().get("/openapi.json")
    equal(openapi.status, 200, "the status of /openapi.json")
    true("/auth/register" in openapi.json["paths"], "the paths are described")
    asyncapi = await stage.visitor().get("/asyncapi.json")
    equal(asyncapi.status, 200, "the status of /asyncapi.json")
    addresses = {channel["address"] for channel in asyncapi.json["channels"].values()}
    true({"/users", "/room/{roomId}", "/rooms"} <= addresses, "the routes are described")


@case("Health", grown=True)
async def the_probes_answer(stage: Stage) -> None:
    for path in ("/healthz", "/readyz"):
        equal((await stage.visitor().get(path)).status, 200, f"the status of {path}")


@case("Errors")
async def an_unknown_address_is_404_and_a_wrong_method_405(stage: Stage) -> None:
    refused(await stage.visitor().get("/nothing/here"), 404, "NOT_FOUND")
    refused(await stage.visitor().get("/auth/login"), 405, "METHOD_NOT_ALLOWED")
