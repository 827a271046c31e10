"""Fixtures: one PostgreSQL a run, one database and one server a worker, people and rooms a test."""

import contextlib
import gc
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import hypothesis  # noqa: F401 (its plugin imports it last; after SQLAlchemy's greenlets Python 3.11 may fail to compile)
import pytest
import pytest_asyncio

from tests.harness.folder import passable_folder, temporary_folders_in_memory
from tests.harness.measuring import runs_our_code, unmeasured_here
from tests.harness.node import Node
from tests.harness.people import SECONDS, Person, arrive
from tests.harness.postgres import SharedPostgres, copy_data, make_data, migrated_database, shared_dsn
from tests.harness.schemas import checked_client
from tests.harness.sessions import SECRETS, forget_pools

POSTGRES = pytest.StashKey[SharedPostgres]()
TIERS = {
    "thorough": "short fault, fuzz and soak runs, what surrounds the server, and every page as it looks, as CI does",
    "long": "the long fault, fuzz and soak runs, and all of --thorough",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """What takes long is asked for."""
    for tier, about in TIERS.items():
        parser.addoption(f"--{tier}", action="store_true", help=f"add {about}")
    parser.addoption("--rest", action="store_true", help="only what --thorough adds")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long and is not asked for; begin with what keeps one worker for long.

    Somebody who names files or tests has asked for all of them but the `long` ones.
    """
    is_whole = config.args_source == pytest.Config.ArgsSource.TESTPATHS
    left_out = {tier for tier in TIERS if not config.getoption(f"--{tier}")}
    rest = config.getoption("--rest")
    if config.getoption("--long") or rest or not is_whole:
        left_out.discard("thorough")
    items[:] = [
        item for item in items if not left_out & set(item.keywords) and (not rest or "thorough" in item.keywords)
    ]
    began: Counter[Path] = Counter()

    def turn(item: pytest.Item) -> int:
        """Groups and what is early first; then, in parallel, a test of each file in turn: one waits, one works."""
        if {"early", "xdist_group", *TIERS} & set(item.keywords):
            return 0
        began[item.path] += hasattr(config, "workerinput")
        return 1 + began[item.path]

    items.sort(key=turn)


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_collection_are_grouped(config: pytest.Config, items: list[pytest.Item]) -> None:
    """See that pytest-xdist keeps groups together: without that each worker would start every server there is."""
    if getattr(config.option, "loadgroup", False):
        loose = [item.nodeid for item in items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
        if loose:
            raise pytest.UsageError(f"pytest-xdist does not see the group of {loose[0]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Function) -> Iterator[None]:
    """Measure the coverage of this process only in tests that run our code in it; servers measure their own."""
    with contextlib.nullcontext() if runs_our_code(item) else unmeasured_here():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nor while the tests are imported. Nothing of that is garbage: it is not looked for meanwhile, nor there later."""
    gc.disable()
    try:
        with unmeasured_here():
            return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000)  # as the server does it
        gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Two a core: a test waits as long as it works."""
    return 2 * (os.cpu_count() or 1)


def pytest_configure(config: pytest.Config) -> None:
    """Have what a parallel run writes in memory, and nothing left of it; one test's files stay to be looked at."""
    if not hasattr(config, "workerinput") and config.getoption("numprocesses", None):
        folders = contextlib.ExitStack()
        folders.enter_context(temporary_folders_in_memory())
        config.add_cleanup(folders.close)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the run's PostgreSQL, once, in the process that leads the workers."""
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        session.config.stash[POSTGRES] = SharedPostgres()


def pytest_configure_node(node) -> None:  # type: ignore[no-untyped-def]
    """Tell a worker where it is (called by pytest-xdist)."""
    node.workerinput["shared"] = str(node.config.stash[POSTGRES].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop it."""
    if POSTGRES in config.stash:
        config.stash[POSTGRES].stop()


@pytest.fixture(scope="session")
def shared_folder(request: pytest.FixtureRequest) -> Path:
    """What all workers of a run share; everyone may pass through it."""
    worker = getattr(request.config, "workerinput", None)
    return Path(worker["shared"]) if worker else request.config.stash[POSTGRES].folder


@pytest.fixture(scope="session")
def postgres_dsn(shared_folder: Path) -> str:
    """The run's PostgreSQL, as its superuser."""
    return shared_dsn(shared_folder)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database(postgres_dsn: str, worker_id: str) -> AsyncIterator[str]:
    """This worker's database, migrated."""
    yield await migrated_database(postgres_dsn, f"duologue_{worker_id}")
    await forget_pools()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Node]:
    """This worker's server."""
    folder = tmp_path_factory.mktemp("node")
    settings = SECRETS | {"DATABASE_URL": database, "RATE_LIMITS": "off", "DATA_DIR": str(folder / "data")}
    node = Node(settings, folder, measured=True)
    await node.start()
    yield node
    await node.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def client(server: Node) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without cookies."""
    async with checked_client(server.url, timeout=SECONDS) as http:
        yield http


@pytest_asyncio.fixture(loop_scope="session")
async def new_user(server: Node, database: str) -> AsyncIterator[Callable[[], Awaitable[Person]]]:
    """Makes signed-in people."""
    people: list[Person] = []

    async def make() -> Person:
        person = await arrive(server.url, database)
        people.append(person)
        return person

    yield make
    for person in people:
        await person.http.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def alice(new_user: Callable[[], Awaitable[Person]]) -> Person:
    """One person."""
    return await new_user()


@pytest_asyncio.fixture(loop_scope="session")
async def bob(new_user: Callable[[], Awaitable[Person]]) -> Person:
    """Another."""
    return await new_user()


@pytest_asyncio.fixture(loop_scope="session")
async def room(alice: Person, bob: Person) -> str:
    """The id of Alice's and Bob's room."""
    return await alice.open_room(bob)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for the data of a node of its own."""
    with passable_folder() as path:
        yield path


@pytest.fixture
def lived_in(folder: Path, shared_folder: Path) -> Path:
    """Such a folder with `data` in it, as after a first start: no test waits for its making that is not about it."""
    copy_data(make_data(shared_folder), folder / "data")
    return folder
