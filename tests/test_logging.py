"""Log lines: readable or JSON, from everyone alike, and never with a secret."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from duologue.operations.logging import configure_logging, mask

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture(params=[False, True], ids=["development", "production"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What is logged, with the logging of the test run put back afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    configure_logging(production=request.param, stream=stream)
    yield stream
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    "text",
    [
        f"/room/1?token={JWT}&after=3",
        f"authorization: Bearer {JWT}",
        "Authorization: Bearer hunter2hunter2",
        "Cookie: accessToken=hunter2; refreshToken=hunter2; theme=dark",
        '{"email": "a@b.c", "password": "hunter2 with \\" spaces", "newPassword": "hunter2"}',
        "{'otp': '123456'}",
        "your code 123456 is good for ten minutes",
        "code=123456",
        "postgresql://me:hunter2@db/chat",
        f"a token on its own {JWT}",
        "DETAIL:  Failing row contains (7, a@b.c, hunter2, \nhunter2, 123456).\n",
        "DETAIL:  Key (email)=(hunter2) already exists.",
        "password_hash $argon2id$v=19$m=19456,t=2,p=1$hunter2$hunter2",
    ],
)
def test_secrets_are_masked_wherever_they_are_written(text):
    masked = mask(text)
    assert "********" in masked
    for secret in (JWT, JWT[-12:], "hunter2", "123456"):
        assert secret not in masked


@pytest.mark.parametrize("text", ["OTP_INVALID for user 7", "code=OTP_EXPIRED", "took 123456 us", "3 tokens left", ""])
def test_what_is_no_secret_stays(text):
    assert mask(text) == text


def test_no_secret_passes_in_fields_nor_in_exceptions(lines):
    log = structlog.get_logger("duologue")
    log.info("signed in", token=JWT, headers={"cookie": "accessToken=hunter2"}, user=7)
    logging.getLogger("asyncpg").warning("at %s", "postgresql://me:hunter2@db/chat")
    try:
        raise ValueError(f"token={JWT}")
    except ValueError:
        log.exception("it went wrong")
        logging.getLogger("uvicorn.error").exception("here too")
    written = lines.getvalue()
    assert JWT not in written
    assert "hunter2" not in written
    assert written.count("ValueError: token") == 2
    assert "user=7" in written or '"user": 7' in written


def test_libraries_are_heard_from_warning_and_we_from_info(lines):
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("duologue.database").info("PostgreSQL is back")
    logging.getLogger("alembic").warning("hm")
    written = lines.getvalue()
    assert ("GET /" in written, "PostgreSQL is back" in written, "hm" in written) == (False, True, True)


def test_production_writes_one_json_object_a_line():
    stream = io.StringIO()
    configure_logging(production=True, stream=stream)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        structlog.get_logger("duologue").exception("went wrong", room="r")
    structlog.reset_defaults()
    (line,) = stream.getvalue().splitlines()
    read = json.loads(line)
    assert (read["event"], read["level"], read["room"]) == ("went wrong", "error", "r")
