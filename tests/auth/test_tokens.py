"""Published attacks on JSON Web Tokens: none gets in."""

import base64
import hmac
import itertools
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from duologue.auth.tokens import Family, Keys, Kind, Tokens
from duologue.errors import AppError, Code
from tests.auth.serving import ACCESS_SECRET, REFRESH_SECRET, code_of

pytestmark = pytest.mark.xdist_group("tokens")  # the clock moves in other files

TOKENS = Tokens(Keys(ACCESS_SECRET), Keys(REFRESH_SECRET))


def part(content: object) -> str:
    """A segment of a token."""
    text = content if isinstance(content, str) else json.dumps(content, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def claims_of(token: str) -> dict:
    """What a token says."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def sign(header: object, claims: object, secret: str = ACCESS_SECRET, algorithm: str = "sha256") -> str:
    """A token of one's own making, with a right signature."""
    signed = f"{part(header)}.{part(claims)}"
    signature = hmac.digest(secret.encode(), signed.encode(), algorithm)
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


GOOD_HEADER = {"alg": "HS256", "typ": "JWT"}


def with_header(**more: object):
    """A right signature under another header."""
    return lambda claims: sign({**GOOD_HEADER, **more}, claims)


def with_claims(**changes: object):
    """A right signature over other claims; None leaves one out."""
    return lambda claims: sign(
        GOOD_HEADER, {name: value for name, value in {**claims, **changes}.items() if value is not None}
    )


def unsigned(spelling: str):
    """No signature at all."""
    return lambda claims: f"{part({'alg': spelling, 'typ': 'JWT'})}.{part(claims)}."


CLAIMS = ("iss", "aud", "sub", "sid", "gen", "jti", "iat", "nbf", "exp", "typ")
NONES = {"".join(letters) for letters in itertools.product("nN", "oO", "nN", "eE")}
KEY = {"kty": "oct", "k": part("attacker's own key, 32 bytes long")}
ATTACKS = {
    **{f"alg {spelling}": unsigned(spelling) for spelling in sorted(NONES)},
    "alg empty": unsigned(""),
    "alg missing": lambda claims: f"{part({'typ': 'JWT'})}.{part(claims)}.",
    "alg none, signed": lambda claims: sign({"alg": "none", "typ": "JWT"}, claims),
    "no signature": lambda claims: f"{part(GOOD_HEADER)}.{part(claims)}.",
    "no third segment": lambda claims: f"{part(GOOD_HEADER)}.{part(claims)}",
    "a foreign signature": lambda claims: sign(GOOD_HEADER, claims, "somebody else's key, long enough 12"),
    "an empty key": lambda claims: sign(GOOD_HEADER, claims, ""),
    "HS384": lambda claims: sign({"alg": "HS384", "typ": "JWT"}, claims, algorithm="sha384"),
    "HS512": lambda claims: sign({"alg": "HS512", "typ": "JWT"}, claims, algorithm="sha512"),
    "confusion RS256": lambda claims: sign({"alg": "RS256", "typ": "JWT"}, claims),
    "confusion ES256": lambda claims: sign({"alg": "ES256", "typ": "JWT"}, claims),
    "psychic ES256": lambda claims: f"{part({'alg': 'ES256', 'typ': 'JWT'})}.{part(claims)}.{'A' * 86}",
    "kid path": with_header(kid="../../../../dev/null"),
    "kid SQL": with_header(kid="' UNION SELECT 'key"),
    "kid": with_header(kid="1"),
    "jku": with_header(jku="https://attacker.example/jwks.json"),
    "x5u": with_header(x5u="https://attacker.example/cert.pem"),
    "x5c": with_header(x5c=["MIIB"]),
    "jwk": lambda claims: sign({**GOOD_HEADER, "jwk": KEY}, claims, "attacker's own key, 32 bytes long"),
    "crit": with_header(crit=["exp"]),
    "crit unknown": with_header(crit=["urn:example"], **{"urn:example": True}),
    "b64": with_header(b64=False, crit=["b64"]),
    "cty nested": with_header(cty="JWT"),
    "zip": with_header(zip="DEF"),
    "typ at+jwt": with_header(typ="at+jwt"),
    "a header in another order": lambda claims: sign('{"typ":"JWT","alg":"HS256"}', claims),
    "alg twice": lambda claims: sign('{"alg":"none","typ":"JWT","alg":"HS256"}', claims),
    "a claim twice": lambda claims: sign(GOOD_HEADER, json.dumps(claims)[:-1] + ',"sub":"1"}'),
    "expired": with_claims(exp=int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())),
    "not yet valid": with_claims(nbf=4_000_000_000, exp=4_000_000_900),
    "issued in the future": with_claims(iat=4_000_000_000, exp=4_000_000_900),
    "wrong iss": with_claims(iss="elsewhere"),
    "wrong aud": with_claims(aud="elsewhere"),
    "aud as a list": with_claims(aud=["duologue", "elsewhere"]),
    "wrong typ": with_claims(typ="id"),
    "refresh as access": with_claims(typ="refresh"),
    **{f"no {name}": with_claims(**{name: None}) for name in CLAIMS},
    "exp as text": with_claims(exp="4000000000"),
    "exp as infinity": lambda claims: sign(GOOD_HEADER, json.dumps({**claims, "exp": float("inf")})),
    "exp true": with_claims(exp=True),
    "sub as a number": with_claims(sub=1),
    "sub SQL": with_claims(sub="1 OR 1=1"),
    "sub in Arabic digits": with_claims(sub="١"),
    "sid no UUID": with_claims(sid="1"),
    "a list": lambda claims: sign(GOOD_HEADER, [claims]),
    "no JSON": lambda claims: sign(GOOD_HEADER, "{"),
    "nested beyond reason": lambda claims: sign(GOOD_HEADER, "[" * 500),
    "long": lambda claims: sign(GOOD_HEADER, {**claims, "jti": "x" * 3_000}),
    "JSON serialisation": lambda claims: json.dumps(
        {"protected": part(GOOD_HEADER), "payload": part(claims), "signature": ""}
    ),
    "five segments": lambda claims: f"{part({'alg': 'dir', 'enc': 'A256GCM'})}....",
    "padding": lambda claims: sign(GOOD_HEADER, claims) + "=",
    "a line break": lambda claims: sign(GOOD_HEADER, claims) + "%0A",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser(site):
    """Somebody signed in."""
    return (await site.sign_up())[0]


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_published_attack_is_refused(browser, attack):
    forged = ATTACKS[attack](claims_of(browser.cookies["accessToken"]))
    answer = await browser.get("/auth/profile", headers={"cookie": "", "authorization": f"Bearer {forged}"})
    assert (answer.status_code, code_of(answer)) in ((401, "INVALID_TOKEN"), (401, "TOKEN_EXPIRED"))


async def test_what_the_attacks_start_from_is_itself_good(browser):
    copied = sign(GOOD_HEADER, claims_of(browser.cookies["accessToken"]))
    assert copied == browser.cookies["accessToken"]
    answer = await browser.get("/auth/profile", headers={"cookie": "", "authorization": f"Bearer {copied}"})
    assert answer.status_code == 200


async def test_a_refresh_token_is_no_access_token_and_the_reverse(browser):
    refresh, access = browser.cookies["refreshToken"], browser.cookies["accessToken"]
    answer = await browser.get("/auth/profile", headers={"cookie": f"accessToken={refresh}"})
    assert code_of(answer) == "INVALID_TOKEN"
    answer = await browser.post("/auth/refresh", headers={"cookie": f"refreshToken={access}"})
    assert code_of(answer) == "INVALID_TOKEN"
    # Also if both secrets leaked into one: the claim itself decides.
    for kind, token in (("refresh", access), ("access", refresh)):
        same = sign(
            GOOD_HEADER, {**claims_of(token), "typ": kind}, REFRESH_SECRET if kind == "access" else ACCESS_SECRET
        )
        header = {"cookie": f"accessToken={same}; refreshToken={same}"}
        path, method = ("/auth/profile", "GET") if kind == "access" else ("/auth/refresh", "POST")
        assert code_of(await browser.request(method, path, headers=header)) == "INVALID_TOKEN"


def test_a_token_is_valid_until_the_very_second_it_expires():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    family = Family(uuid4(), 7, 3, now, now + timedelta(days=30))
    pair = TOKENS.issue(family)
    claims = TOKENS.read(Kind.ACCESS, pair.access, now + timedelta(minutes=14, seconds=59))
    assert (claims.user_id, claims.session_id, claims.generation) == (7, family.session_id, 3)
    with pytest.raises(AppError) as expired:
        TOKENS.read(Kind.ACCESS, pair.access, now + timedelta(minutes=15))
    assert expired.value.code is Code.TOKEN_EXPIRED
    assert TOKENS.issue(family) == pair


async def test_a_token_is_short_enough_for_a_cookie(browser):
    for name, value in browser.cookies.items():
        assert len(name) + len(value) < 1024, name  # browsers take 4096
