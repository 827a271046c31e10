"""HTTP: the development mailbox, for people and for scripts."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

from litestar import MediaType, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter

from duologue.errors import AppError, Code
from duologue.mail.mailbox import KEPT, Mailbox
from duologue.wire.mail import MailboxEntry

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["router"]

TheMailbox = NamedDependency[Mailbox]
TO = Annotated[str | None, QueryParameter(description="only mails to this address")]

COMMON: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# What a mail says is somebody's input: no scripts, no requests, no origin, even when its address is opened by hand.
MAIL_POLICY: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


def router(mailbox: Mailbox) -> Router:
    """Mount only where the mailbox is the transport: whoever reads it can sign in as anyone."""
    return Router(
        "/dev",
        route_handlers=[page, as_json, html_part, script, style],
        dependencies={"mailbox": Provide(lambda: mailbox, sync_to_thread=False)},
        tags=["Development"],
    )


@get("/mailbox", media_type=MediaType.HTML, include_in_schema=False)
async def page(mailbox: TheMailbox, to: TO = None) -> Response[str]:
    """The page; its script fetches it again every two seconds."""
    entries = await mailbox.mails(to or None)
    body = _environment().get_template("mailbox.html").render(entries=entries, to=to or "", kept=KEPT)
    return Response(body, headers=COMMON | {"Content-Security-Policy": PAGE_POLICY})


@get("/mailbox.json", summary="The mails that would have been sent, newest first", security=[{}])
async def as_json(mailbox: TheMailbox, to: TO = None) -> Response[list[MailboxEntry]]:
    """Only without a mail server, in development."""
    return Response(await mailbox.mails(to or None), headers=COMMON)


@get("/mailbox/{mail_id:uuid}/html", media_type=MediaType.HTML, include_in_schema=False)
async def html_part(mailbox: TheMailbox, mail_id: FromPath[UUID]) -> Response[str]:
    """The HTML part of a mail, boxed in."""
    if (html := await mailbox.html(mail_id)) is None:
        raise AppError(Code.NOT_FOUND, "There is no such mail.")
    return Response(html, headers=COMMON | {"Content-Security-Policy": MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"})


@get("/mailbox/mailbox.js", media_type="text/javascript; charset=utf-8", include_in_schema=False, sync_to_thread=False)
def script() -> Response[str]:
    """The page's script."""
    return Response(_asset("mailbox.js"), headers=COMMON | {"Cache-Control": "no-cache"})


@get("/mailbox/mailbox.css", media_type="text/css; charset=utf-8", include_in_schema=False, sync_to_thread=False)
def style() -> Response[str]:
    """The page's style."""
    return Response(_asset("mailbox.css"), headers=COMMON | {"Cache-Control": "no-cache"})


@cache
def _asset(name: str) -> str:
    return (files("duologue.mail") / "static" / name).read_text("utf-8")


@cache
def _environment() -> "Environment":
    # Imported at the first use: 40 ms that the start of the server need not wait for.
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("duologue.mail", "static"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
