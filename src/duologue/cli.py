"""The command `duologue`: every expected failure is one line on stderr and exit status 2, never a traceback."""

import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer

from duologue import __version__
from duologue.config import Settings, describe, load_settings
from duologue.errors import StartError

__all__ = ["main"]

app = typer.Typer(
    name="duologue",
    help="A chat backend you own.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run a command."""
    try:
        app()
    except StartError as error:
        print(f"duologue: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"duologue {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """A chat backend you own: sign-in and live two-person rooms, durable before delivered."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST).")] = None,
    port: Annotated[str | None, typer.Option(help="Port to listen on; 0 picks a free one (PORT).")] = None,
    data_dir: Annotated[str | None, typer.Option(help="Folder of the data (DATA_DIR).")] = None,
    workers: Annotated[int, typer.Option(min=1, max=24, help="Processes that share the port and the work.")] = 1,
) -> None:
    """Start everything, on one port."""
    settings = _load({"HOST": host, "PORT": port, "DATA_DIR": data_dir})
    _configure_logging(settings)
    from duologue.operations.banner import print_banner

    if workers > 1:
        from duologue.workers import run_workers

        _run(run_workers(settings, workers, print_banner))
    else:
        from duologue.serve import run

        _run(run(settings, print_banner))


@app.command(hidden=True)
def worker() -> None:
    """One of the processes of `serve --workers`; started by it alone."""
    settings = _load({})
    _configure_logging(settings)
    from duologue.workers import work

    _run(work(settings))


@app.command()
def migrate(
    data_dir: Annotated[str | None, typer.Option(help="Folder of the data (DATA_DIR).")] = None,
) -> None:
    """Bring the database's schema to this version."""
    settings = _load({"DATA_DIR": data_dir}, make_secrets=False)
    _configure_logging(settings)
    _run(_migrate(settings))


@app.command()
def config(
    data_dir: Annotated[str | None, typer.Option(help="Folder of the data (DATA_DIR).")] = None,
) -> None:
    """Print the settings in force and where each comes from, secrets masked."""
    settings = _load({"DATA_DIR": data_dir}, make_secrets=False)
    _print_table(describe(settings))
    for warning in settings.warnings:
        print(f"duologue: {warning}", file=sys.stderr)


@app.command()
def doctor(
    data_dir: Annotated[str | None, typer.Option(help="Folder of the data (DATA_DIR).")] = None,
) -> None:
    """Check everything a start needs; exit status 1 when something is wrong."""
    settings = _load({"DATA_DIR": data_dir}, make_secrets=False)
    _configure_logging(settings)
    _run(_diagnose(settings))


@app.command()
def conformance(
    url: Annotated[str, typer.Argument(help="Where the server is: http://127.0.0.1:4000")],
    user: Annotated[list[str] | None, typer.Option(help="Address of an account; at least two, or none.")] = None,
    password: Annotated[list[str] | None, typer.Option(help="The account's password, in the same order.")] = None,
) -> None:
    """Run the contract against a server, and print what holds; exit status 1 when something does not.

    Without --user it registers people of its own and reads their codes at /dev/mailbox.json, which a development server
    has. The server's rate limits apply to it: of an hour's sixty registrations of one network it uses up eight, of a
    minute's sixty sign-ins about twenty; RATE_LIMITS=off there lifts them. The accounts and messages it makes stay.
    """
    users, passwords = user or [], password or []
    if len(users) != len(passwords) or len(users) == 1:
        raise StartError("Give at least two accounts, each with --user and --password, or none.")
    if not url.startswith(("http://", "https://")):
        raise StartError(f"{url} is no address of a server, such as http://127.0.0.1:4000.")
    _run(_conform(url, list(zip(users, passwords, strict=True))))


@app.command()
def demo(
    data_dir: Annotated[str | None, typer.Option(help="Folder of the data (DATA_DIR).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also in production, or in a database of yours.")] = False,
) -> None:
    """Fill the database with a dozen made-up people and their conversations, and print their sign-in.

    While the server runs or while it does not; a second time nothing is written, and the sign-in is printed again.
    """
    settings = _load({"DATA_DIR": data_dir}, make_secrets=False)
    _configure_logging(settings)
    _run(_fill_demo(settings, force=force))


@app.command()
def chat(
    url: Annotated[str, typer.Argument(help="Where the server is.")] = "http://localhost:4000",
    email: Annotated[str, typer.Option(help="Whom to sign in.")] = "",
) -> None:
    """Talk in the terminal. Needs the extra `chat`."""
    try:
        from duologue.terminal.app import ChatApp
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        raise StartError("The chat in the terminal needs Textual: pip install 'duologue[chat]'.") from None
    try:
        screen = ChatApp(url, email)
    except ValueError as error:
        raise StartError(f"{error}.") from None
    screen.run()


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def bench(context: typer.Context) -> None:
    """Measure this machine, from a checkout; `duologue bench --help` lists the measurements."""
    checkout = Path(__file__).parents[2]
    if not (checkout / "bench/__main__.py").exists():
        raise StartError("The measurements are not part of the package: run them from a checkout.")
    os.chdir(checkout)
    os.execv(sys.executable, [sys.executable, "-m", "bench", *context.args])  # noqa: S606 (our own arguments)


def _load(options: dict[str, str | None], *, make_secrets: bool = True) -> Settings:
    """Settings from the environment and ./.env; options of the command line go first."""
    given = {name: value for name, value in options.items() if value is not None}
    return load_settings({**os.environ, **given}, Path(".env"), make_secrets=make_secrets)


def _configure_logging(settings: Settings) -> None:
    import structlog

    from duologue.operations.logging import configure_logging

    configure_logging(production=settings.production)
    for warning in settings.warnings:
        structlog.get_logger("duologue").warning(warning)


def _run(work: Coroutine[None, None, None]) -> None:
    import uvloop

    uvloop.run(work)


async def _migrate(settings: Settings) -> None:
    from duologue.database import schema
    from duologue.database.embedded import EmbeddedPostgres

    if settings.database_url is not None:
        changed = await schema.migrate(settings.database_url)
    else:
        postgres = EmbeddedPostgres(settings.data_dir)
        try:
            changed = await schema.migrate(await postgres.start())
        finally:
            await postgres.stop()
    print(
        f"The schema was brought to revision {schema.HEAD}." if changed else f"The schema is at {schema.HEAD} already."
    )


async def _diagnose(settings: Settings) -> None:
    from duologue.operations import doctor as checks

    findings = [
        checks.check_python(),
        checks.check_data_folder(settings.data_dir),
        checks.check_port(settings.host, settings.port),
        *await (
            checks.check_embedded(settings.data_dir)
            if settings.database_url is None
            else checks.check_database(settings.database_url)
        ),
        await checks.check_nats(settings.nats_url),
        await checks.check_smtp(
            settings.smtp_host,
            settings.smtp_port,
            secure=settings.smtp_secure,
            user=settings.smtp_user,
            password=settings.smtp_pass,
        ),
        *(checks.Finding("Settings", "note", warning) for warning in settings.warnings),
    ]
    _print_table([(finding.state, finding.subject, finding.text) for finding in findings])
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


async def _fill_demo(settings: Settings, *, force: bool) -> None:
    from duologue.demo.fill import fill

    filled = await fill(settings, force=force)
    if filled.rooms:
        print(f"{len(filled.people)} people, {filled.rooms} conversations, {filled.messages} messages were written.")
    else:
        print("The people of the demonstration are there already; nothing was written.")
    print(f"\nSign in as any of them, with the password: {filled.password}\n")
    _print_table([(each.email, each.display_name, "") for each in filled.people])


async def _conform(url: str, accounts: list[tuple[str, str]]) -> None:
    from rich.console import Console

    from duologue.conformance.run import print_table, run_cases

    outcomes = await run_cases(url, accounts)
    print_table(outcomes, Console())
    if any(outcome.state == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def _print_table(rows: list[tuple[str, str, str]]) -> None:
    """Columns as wide as they need to be, the last one free."""
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for row in rows:
        print("  ".join((row[0].ljust(widths[0]), row[1].ljust(min(widths[1], 60)), row[2])).rstrip())
