"""No token, code, password or `?token=` value in any log of a server's whole life, whatever goes wrong in it.

Read are all lines of the server and of its PostgreSQL. By design one line says a code: the console's, in development.
"""

import asyncio
import re
import secrets
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from urllib.parse import quote, urlsplit

import asyncpg
import pytest
import websockets

from duologue.database.embedded import EmbeddedPostgres
from tests.harness.folder import passable_folder
from tests.harness.http import plain_client
from tests.harness.node import Node, free_port
from tests.harness.people import mailed_code
from tests.harness.postgres import copy_data, make_data
from tests.mail.serving import MailServer

pytestmark = pytest.mark.thorough

SMTP_PASS = "the mail server's password, 8472"
CODE = re.compile(r"\b\d{6}\b")
CONSOLE = re.compile(r"^Mail to \S+: .*  code \d{6}  ")
BREAK = "ALTER TABLE {0} RENAME TO {0}_away"
MEND = "ALTER TABLE {0}_away RENAME TO {0}"
STORE_NOTHING = "ALTER TABLE {0} ADD CONSTRAINT nothing CHECK (false) NOT VALID"
STORE_AGAIN = "ALTER TABLE {0} DROP CONSTRAINT nothing"
END_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'duologue'"


class Secrets(dict):
    """Every secret of the run, by what it is."""

    def password(self, name):
        """A password like no other word."""
        return self.setdefault(f"password {name}", f"pw-{secrets.token_urlsafe(12)}")

    def code(self, code):
        """A code, found where it stands alone."""
        self[f"code {code}"] = re.compile(rf"(?<![0-9A-Za-z]){code}(?![0-9A-Za-z])")
        return code

    def tokens(self, http):
        """The cookies as they are now; of a token also what it says, and its signature."""
        for name, value in http.cookies.items():
            for part, text in enumerate([value, *value.split(".")[1:]]):
                self[f"{name} {text[-8:]} {part}"] = text

    def found_in(self, line):
        """The names of those that stand in a line."""
        return [
            name
            for name, secret in self.items()
            if (secret.search(line) if isinstance(secret, re.Pattern) else secret in line)
        ]


class Life:
    """One server, and what is done to it."""

    def __init__(self, node, database, mail):
        self.node = node
        self.database = database
        self.mail = mail
        self.secrets = Secrets()

    @asynccontextmanager
    async def browser(self):
        """Somebody whose tokens are known afterwards."""

        async def send_cookies(request):
            # Production's cookies are Secure: a browser sends them to a loopback address, this client would not.
            request.headers.setdefault("cookie", "; ".join(f"{name}={value}" for name, value in http.cookies.items()))

        async def note(answer):
            self.secrets.tokens(http)

        hooks = {"request": [send_cookies], "response": [note]}
        async with plain_client(base_url=self.node.url, timeout=20, event_hooks=hooks) as http:
            yield http
            self.secrets.tokens(http)

    async def code(self, http, email):
        """The code that was mailed."""
        if self.mail is None:
            return self.secrets.code(await mailed_code(http, email))
        while True:
            message, envelope = await asyncio.wait_for(self.mail.arrived.get(), 20)
            found = CODE.search(message.get_body(("plain",)).get_content())
            if found and envelope.rcpt_tos == [email]:
                return self.secrets.code(found[0])

    async def sign_up(self, http, email, password):
        """Register and confirm, with a wrong code first."""
        await http.post("/auth/register", json={"email": email, "password": password})
        code = await self.code(http, email)
        wrong = self.secrets.code(f"{(int(code) + 1) % 10**6:06d}")
        assert (await http.post("/auth/verify-otp", json={"email": email, "otp": wrong})).status_code == 400
        assert (await http.post("/auth/verify-otp", json={"email": email, "otp": code})).status_code == 201

    @asynccontextmanager
    async def broken(self, table, do=BREAK, undo=MEND):
        """Without a table, or with one that stores nothing, things fail that nobody expected."""
        await self.database.execute(do.format(table))
        try:
            yield
        finally:
            await self.database.execute(undo.format(table))


async def everyday(life, http, email):
    """Passwords and tokens, right and wrong, to the account's end."""
    old, new, newest = (life.secrets.password(name) for name in ("old", "new", "newest"))
    await life.sign_up(http, email, old)
    await http.post("/auth/login", json={"email": email, "password": life.secrets.password("wrong")})
    await http.post("/auth/login", json={"email": email, "password": old})
    stolen = http.cookies["refreshToken"]
    for _ in range(2):
        assert (await http.post("/auth/refresh")).status_code == 200
    header = {"cookie": f"refreshToken={stolen}"}
    async with life.browser() as thief:
        assert (await thief.post("/auth/refresh", headers=header)).json()["code"] == "REFRESH_REUSED"
    await http.post("/auth/login", json={"email": email, "password": old})
    body = {"password": old, "newPassword": new}
    assert (await http.post("/auth/change-password", json=body)).status_code == 200
    assert (await http.post("/auth/reset-password", json={"email": email})).status_code == 200
    body = {"email": email, "otp": await reset_code(life, http, email), "newPassword": newest}
    assert (await http.post("/auth/set-new-password", json=body)).status_code == 200
    assert (await http.post("/auth/login", json={"email": email, "password": newest})).status_code == 200
    for path in ("/auth/export", "/auth/sessions", "/auth/security-events", "/msg/room"):
        assert (await http.get(path)).status_code == 200


async def reset_code(life, http, email):
    """The code of the second mail with one."""
    if life.mail is not None:
        return await life.code(http, email)
    async with asyncio.timeout(20):
        while True:
            mails = (await http.get("/dev/mailbox.json", params={"to": email})).json()
            codes = [mail["code"] for mail in mails if mail.get("code")]
            if len(codes) == 2:
                return life.secrets.code(codes[0])
            await asyncio.sleep(0.02)


async def bad_requests(life, http):
    """Secrets where they do not belong."""
    token, password = http.cookies["accessToken"], life.secrets.password("misplaced")
    code = life.secrets.code("918273")
    for path in (
        f"/auth/profile?token={token}",
        f"/nothing?token={token}",
        f"/{token}",
        f"/msg/room/{token}/messages?token={token}",
        f"/auth/security-events?before={token}",
        f"/users?cursor={token}",
    ):
        await http.get(path)
    login = "/auth/login"
    json_type = {"content-type": "application/json"}
    await http.post(login, content=f'{{"email": "a@example.com", "password": "{password}"', headers=json_type)
    await http.post(login, content=f'{{"password": "{password}", "email": 5}}', headers=json_type)
    await http.post(login, data={"password": password})
    await http.post(login, json={"email": f"{password}@@", "password": [password]})
    await http.post(login, content=f'{{"password": "{password}", "x": "{"x" * 80_000}"}}', headers=json_type)
    await http.post("/auth/verify-otp", json={"email": "a@example.com", "otp": int(code)})
    await http.post("/auth/verify-otp", json={"email": code, "otp": code})
    await http.post("/auth/refresh", headers={"origin": f"https://{password}.example", "authorization": token})
    await http.request("PUT", f"/auth/login?token={token}", headers={"authorization": f"Basic {password}"})
    for junk in (
        f"GET /auth/profile?token={token} HTTP/9.9\r\n\r\n",
        f"GET /users?token={token} HTTP/1.1\r\nhost: x\r\ncookie accessToken={token}\r\n\r\n",
        f"GET /users?token={token * 300} HTTP/1.1\r\nhost: x\r\n\r\n",
        f"PASS {password}\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", life.node.port)
        writer.write(junk.encode())
        writer.write_eof()
        await reader.read()
        writer.close()


async def sockets(life, http, other):
    """Opened, refused, and talked to wrongly."""
    token = http.cookies["accessToken"]
    forged = token[:-8] + "AAAAAAAA"
    life.secrets["a forged signature"] = forged.split(".")[2]
    url = life.node.ws_url
    room = (await http.post("/msg/room", json={"otherUserId": other})).json()["id"]
    for target in (
        f"/users?token={forged}",
        f"/nothing?token={token}",
        f"/{token}?token={token}",
        f"/room/{token}?token={token}",
        f"/room/{room}?token={token}&after={token}",
    ):
        async with websockets.connect(url + target) as socket:
            await socket.wait_closed()
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(f"{url}/users?token={token}", origin="https://evil.example")
    reader, writer = await asyncio.open_connection("127.0.0.1", life.node.port)
    head = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
    writer.write(f"GET //[?token={token} HTTP/1.1\r\nHost: x\r\n{head}\r\nCookie: accessToken={token}\r\n\r\n".encode())
    writer.write_eof()
    await reader.read()
    writer.close()
    said = life.secrets.password("said in a room")
    for frame in (f'{{"content": "{said}"}}', f'{{"content": "{said}"', f'{{"content": ["{said}"]}}', said.encode()):
        async with websockets.connect(f"{url}/room/{room}?token={token}") as socket:
            await socket.send(frame)
            await socket.ping()


async def failing_mail(life, http):
    """A mail server that quotes what it refuses."""
    if life.mail is None:
        return
    for number, refusal in enumerate((451, 550)):
        email = f"refused{number}@example.com"
        refused = asyncio.Event()

        async def quote_it(server, session, envelope, refusal=refusal, refused=refused):
            message = message_from_bytes(envelope.content, policy=policy.default)
            text = " ".join(message.get_body(("plain",)).get_content().split())
            code = life.secrets.code(CODE.search(text)[0])
            refused.set()
            return f"{refusal} we do not take {text[:400] if refusal == 550 else code}"

        life.mail.handle_DATA = quote_it
        await http.post("/auth/register", json={"email": email, "password": life.secrets.password("refused")})
        await asyncio.wait_for(refused.wait(), 20)
        async with asyncio.timeout(20):
            while not any(email in line for line in life.node.output):
                await asyncio.sleep(0.01)
    del life.mail.handle_DATA


async def failing_database(life, http, email):
    """Faults that nobody expected, with secrets at hand."""
    password = life.secrets.password("newest")
    login = {"email": email, "password": password}
    async with life.broken("sessions"):
        assert (await http.post("/auth/login", json=login)).status_code == 500
        assert (await http.post("/auth/refresh")).status_code == 500
        async with websockets.connect(f"{life.node.ws_url}/users?token={http.cookies['accessToken']}") as socket:
            await socket.recv()
    for table in ("sessions", "registrations", "codes", "security_events", "mail_outbox", "users"):
        async with life.broken(table, STORE_NOTHING, STORE_AGAIN):
            await http.post("/auth/login", json={**login, "password": life.secrets.password("wrong")})
            await http.post("/auth/login", json=login)
            await http.post("/auth/register", json={"email": f"{table}@example.com", "password": password})
            await http.post("/auth/change-password", json={"password": password, "newPassword": password})
    life.secrets["the hash of a password"] = "$argon2"
    await life.database.execute(END_CONNECTIONS)
    for _ in range(3):
        await http.get("/auth/sessions")


@pytest.mark.parametrize("environment", ["production", "development"])
async def test_no_log_of_a_whole_life_holds_a_secret(environment, shared_folder):
    with passable_folder() as folder:
        copy_data(make_data(shared_folder), folder / "postgres")
        postgres = EmbeddedPostgres(folder / "postgres")
        dsn = await postgres.start()
        database = await asyncpg.connect(postgres.dsn(superuser=True, database=urlsplit(dsn).path[1:]))
        mail = await MailServer(users={"duologue": SMTP_PASS}, auth_require_tls=False).start()
        settings = {"DATABASE_URL": dsn, "DATA_DIR": str(folder / "data"), "RATE_LIMITS": "off"}
        given = {
            "ENVIRONMENT": "production",
            "JWT_SECRET": "an access secret of more than 32 bytes",
            "JWT_REFRESH_SECRET": "a refresh secret of more than 32 bytes",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mail.port),
            "SMTP_USER": "duologue",
            "SMTP_PASS": SMTP_PASS,
        }
        if environment == "production":
            settings |= given
        node = await Node(settings, folder, port=free_port()).start()
        life = Life(node, database, mail if environment == "production" else None)
        life.secrets |= {name: value for name, value in given.items() if name.endswith(("SECRET", "PASS"))}
        life.secrets |= {"the database's password": quote(urlsplit(dsn).password)}
        async with life.browser() as ann, life.browser() as ben:
            await everyday(life, ann, "ann@example.com")
            await life.sign_up(ben, "ben@example.com", life.secrets.password("ben"))
            other = (await ben.get("/auth/profile")).json()["user"]["id"]
            await bad_requests(life, ann)
            await sockets(life, ann, other)
            await failing_mail(life, ann)
            await failing_database(life, ann, "ann@example.com")
            newest = {"password": life.secrets.password("newest")}
            assert (await ann.post("/auth/login", json={"email": "ann@example.com", **newest})).status_code == 200
            assert (await ann.post("/auth/delete-account", json=newest)).status_code == 200
            await ben.post("/auth/logout")
        await node.stop()
        await mail.stop()
        await database.close()
        logs = [log.read_text() for log in (postgres.data / "log").glob("*.log")]
        await postgres.stop()
    lines = node.text.splitlines() + [line for log in logs for line in log.splitlines()]
    leaks = [(life.secrets.found_in(line), line) for line in lines if life.secrets.found_in(line)]
    if environment == "development":
        by_design = [line for names, line in leaks if CONSOLE.match(line) and all(n.startswith("code") for n in names)]
        assert by_design
        leaks = [leak for leak in leaks if leak[1] not in by_design]
    assert not leaks
    # The run was what it is meant to be: things did go wrong, and were logged.
    assert "Traceback" in node.text
    assert any("CheckViolationError" in line for line in lines)
    assert len(life.secrets) > 60
