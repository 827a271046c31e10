"""The bad link does what its plans say."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.harness.fault_proxy import FaultProxy, Phase, Plan, every_phase, no_fault


@asynccontextmanager
async def echoing(planner, seed=0):
    """A proxy in front of a server that says everything again; and what reached that server."""
    reached = bytearray()

    async def echo(reader, writer):
        try:
            while data := await reader.read(1000):
                reached.extend(data)
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, FaultProxy(server.sockets[0].getsockname()[1], planner, seed) as proxy:
        yield proxy, reached


async def say(proxy, *chunks):
    """Send each chunk when the one before was heard back; all that was heard until the link ended, or all was said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    heard = b""
    try:
        async with asyncio.timeout(10):
            for chunk in chunks:
                writer.write(chunk)
                wanted = len(heard) + len(chunk)
                while len(heard) < wanted:
                    data = await reader.read(1000)
                    if not data:
                        return heard
                    heard += data
            return heard
    except ConnectionError:
        return heard
    finally:
        writer.transport.abort()


async def test_a_good_link_passes_everything_both_ways():
    async with echoing(no_fault) as (proxy, reached):
        assert await say(proxy, b"a" * 100_000, b"b") == b"a" * 100_000 + b"b"
        assert len(reached) == 100_001
    assert proxy.cuts == {}


async def test_a_link_is_cut_after_so_many_bytes_up():
    async with echoing(lambda rng: Plan(up=3)) as (proxy, reached):
        assert (await say(proxy, b"abcdef")) in (b"", b"abc")
        await asyncio.wait_for(_until(lambda: bytes(reached) == b"abc"), 5)
    assert proxy.cuts == {Phase.HANDSHAKE: 1}


async def test_a_link_is_cut_after_so_many_bytes_down():
    async with echoing(lambda rng: Plan(down=5)) as (proxy, _):
        assert await say(proxy, b"ab", b"cdefgh") == b"abcde"
    assert proxy.cuts == {Phase.BYTES: 1}


async def test_a_link_is_cut_after_some_time():
    async with echoing(lambda rng: Plan(seconds=0.05)) as (proxy, _):
        assert await say(proxy, *[b"x"] * 1_000_000) != b"x" * 1_000_000
        assert proxy.cuts[Phase.TIME] >= 1


async def test_a_stalled_link_passes_nothing_and_says_nothing_until_it_is_cut():
    async with echoing(lambda rng: Plan(seconds=0.1, stall=0.1)) as (proxy, reached):
        assert await say(proxy, b"x") == b""
        assert reached == b""
    assert proxy.cuts == {Phase.STALL: 1}


async def test_a_link_is_cut_at_the_clients_close_frame_which_arrives():
    async with echoing(lambda rng: Plan(at_close=True)) as (proxy, reached):
        assert await say(proxy, b"upgrade", b"\x88\x80mask") == b"upgrade"
        await asyncio.wait_for(_until(lambda: bytes(reached) == b"upgrade\x88\x80mask"), 5)
    assert proxy.cuts == {Phase.CLOSE: 1}


@pytest.mark.parametrize("reset", [True, False])
async def test_both_ends_learn_of_a_cut(reset):
    async with echoing(lambda rng: Plan(up=1, reset=reset)) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        if reset:
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(reader.read(10), 5)
        else:
            assert await asyncio.wait_for(reader.read(10), 5) in (b"", b"x")
        writer.transport.abort()


def test_plans_come_from_the_seed_and_the_number_alone():
    one, same, other = (FaultProxy(1, every_phase(0.1, 0.2), seed) for seed in (1, 1, 2))
    assert [one.plan(n) for n in range(50)] == [same.plan(n) for n in range(50)]
    assert [one.plan(n) for n in range(50)] != [other.plan(n) for n in range(50)]


def test_every_phase_is_planned_and_no_connection_outlives_its_time():
    proxy = FaultProxy(1, every_phase(0.1, 0.2), 7)
    plans = [proxy.plan(n) for n in range(300)]
    assert all(0.1 <= plan.seconds <= 0.2 for plan in plans)
    for wanted in (
        lambda plan: plan.up is not None and plan.up < 200,
        lambda plan: plan.down is not None and plan.down < 129,
        lambda plan: plan.down is not None and plan.down > 129,
        lambda plan: plan.at_close,
        lambda plan: plan.stall,
        lambda plan: plan.reset,
    ):
        assert any(map(wanted, plans))


async def test_it_listens_on_the_loopback_alone():
    async with echoing(no_fault) as (proxy, _):
        assert [each.getsockname()[0] for each in proxy._server.sockets] == ["127.0.0.1"]


async def test_a_dead_server_is_a_reset():
    async with FaultProxy(1, no_fault) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.transport.abort()


async def _until(condition):
    while not condition():
        await asyncio.sleep(0.005)
