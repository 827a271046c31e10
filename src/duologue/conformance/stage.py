"""The people of the cases: two who talk, a third who has no business in their room."""

import asyncio
import secrets
from collections.abc import Sequence

from duologue.client.errors import LinkError
from duologue.client.http import Answer
from duologue.conformance.caller import SECONDS, Caller
from duologue.errors import StartError

__all__ = ["PASSWORD", "Stage"]

PASSWORD = "correct horse " + secrets.token_hex(4)  # of the accounts that a run makes


class Stage:
    """Ann and Ben have a room; Eve is not in it."""

    def __init__(self, url: str, accounts: Sequence[tuple[str, str]] = ()) -> None:
        """`accounts` are addresses and passwords of at least two people; without them a mailbox is needed."""
        self.url = url.rstrip("/")
        self._accounts = accounts
        self.has_mailbox = False
        self.room = ""
        self.ann: Caller
        self.ben: Caller
        self.eve: Caller | None

    def visitor(self) -> Caller:
        """Somebody without cookies."""
        return Caller(self.url)

    async def open(self) -> None:
        """Sign everybody in; `StartError` when that cannot be."""
        try:
            mailbox = await self.visitor().get("/dev/mailbox.json")
        except LinkError as error:
            raise StartError(f"{error}.") from None
        self.has_mailbox = mailbox.status == 200 and not self._accounts
        if self._accounts:
            people = [await self.sign_in(email, password) for email, password in self._accounts]
        elif self.has_mailbox:
            people = [await self.sign_up(name) for name in ("ann", "ben", "eve")]
        else:
            raise StartError(f"{self.url} has no development mailbox; name two accounts with --user and --password.")
        self.ann, self.ben = people[:2]
        self.eve = people[2] if len(people) > 2 else None
        answer = await self.ann.post("/msg/room", {"otherUserId": self.ben.id})
        if answer.status != 200:
            raise StartError(f"The room of the first two could not be opened: {answer.status} {answer.body[:200]!r}.")
        self.room = answer.json["id"]

    async def sign_in(self, email: str, password: str) -> Caller:
        """Another session of that account."""
        caller = self.visitor()
        answer = await caller.post("/auth/login", {"email": email, "password": password})
        return self._signed_in(caller, answer, email, password)

    async def sign_up(self, name: str) -> Caller:
        """A new account."""
        caller = self.visitor()
        email = self.unused_address(name)
        answer = await caller.post("/auth/register", {"email": email, "password": PASSWORD})
        if answer.status != 200:
            raise StartError(f"Nobody could be registered: {answer.status} {answer.body[:200]!r}.")
        answer = await caller.post("/auth/verify-otp", {"email": email, "otp": await self.mailed_code(email)})
        return self._signed_in(caller, answer, email, PASSWORD)

    def unused_address(self, name: str) -> str:
        """An address that nobody has."""
        return f"{name}.{secrets.token_hex(6)}@example.com"

    async def mailed_code(self, email: str, but: str = "") -> str:
        """The newest code in the mailbox for that address, once there is one other than `but`."""
        async with asyncio.timeout(SECONDS):
            while True:
                mails = (await self.visitor().get("/dev/mailbox.json", to=email)).json
                for mail in mails:
                    code = str(mail.get("code", ""))
                    if code and code != but:
                        return code
                await asyncio.sleep(0.05)

    async def newest_seq(self) -> int:
        """The `seq` of the newest message of Ann's and Ben's room."""
        messages = (await self.ann.get(f"/msg/room/{self.room}/messages", limit=1)).json
        return int(messages[-1]["seq"]) if messages else 0

    def _signed_in(self, caller: Caller, answer: Answer, email: str, password: str) -> Caller:
        if answer.status not in (200, 201):
            raise StartError(f"{email} could not sign in: {answer.status} {answer.body[:200]!r}.")
        caller.id, caller.email, caller.password = answer.json["user"]["id"], email, password
        return caller
