"""The cookies of each environment."""

import pytest

from tests.auth.serving import sign_in_server, unused_address, verify
from tests.harness.people import PASSWORD


def attributes(line):
    """A Set-Cookie line without its value: the name, and its attributes in lower case."""
    first, *rest = line.split("; ")
    return first.partition("=")[0], {part.lower() for part in rest}


async def cookies_of(dsn, **options):
    """Name → attributes, of registering and confirming."""
    async with sign_in_server(dsn, **options) as site:
        email = unused_address("cookie")
        browser = site.browser()
        registered = await browser.post("/auth/register", json={"email": email, "password": PASSWORD})
        browser.cookies.clear()
        confirmed = await verify(browser, email, await site.code(email))
        lines = registered.headers.get_list("set-cookie") + confirmed.headers.get_list("set-cookie")
        gone = (await browser.post("/auth/logout")).headers.get_list("set-cookie")
        assert [attributes(line)[0] for line in gone] == ["accessToken", "refreshToken"]
        assert all("max-age=0" in attributes(line)[1] for line in gone)
        return dict(attributes(line) for line in lines)


EXPECTED = {
    "development": (
        {},
        {"httponly", "path=/", "samesite=lax", "max-age=900"},
        {"httponly", "path=/auth", "samesite=lax", "max-age=604800"},
    ),
    "production": (
        {"production": True},
        {"httponly", "path=/", "samesite=lax", "max-age=900", "secure"},
        {"httponly", "path=/auth", "samesite=strict", "max-age=604800", "secure"},
    ),
    "cross-site": (
        {"production": True, "cross_site": True},
        {"httponly", "path=/", "samesite=none", "max-age=900", "secure", "partitioned"},
        {"httponly", "path=/auth", "samesite=none", "max-age=604800", "secure", "partitioned"},
    ),
}


@pytest.mark.parametrize("environment", EXPECTED)
async def test_each_environment_has_its_cookies(auth_database, environment):
    options, access, refresh = EXPECTED[environment]
    cookies = await cookies_of(auth_database, **options)
    assert cookies["accessToken"] == access
    assert cookies["refreshToken"] == refresh
    assert cookies["registrationHandle"] == (refresh - {"max-age=604800"}) | {"max-age=3600"}
