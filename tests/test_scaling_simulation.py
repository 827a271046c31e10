"""The simulation behind docs/scaling.md: nothing is lost in it, and where the answer is known it says so."""

import pytest

from bench.simulate import Costs, simulate

COSTS = Costs(node_message=10e-6, commit=200e-6, message=10e-6, flush=1e-3)


def test_a_lone_message_takes_its_own_costs_and_one_flush() -> None:
    found = simulate(nodes=1, cores=1, offered=20, costs=COSTS, seconds=20)
    assert found.batch == pytest.approx(1.0, abs=0.05)
    assert found.p50 == pytest.approx(1e3 * (10e-6 + 200e-6 + 10e-6 + 1e-3), rel=0.01)


def test_commits_gather_more_as_more_is_offered_and_nothing_is_lost() -> None:
    calm, busy = (simulate(nodes=1, cores=2, offered=rate, costs=COSTS, seconds=1) for rate in (1_000, 20_000))
    assert busy.batch > 5 * calm.batch
    assert calm.left < 10
    assert busy.left < 200
    assert busy.p99 < 10


def test_beyond_what_postgresql_can_do_messages_stay_behind_however_many_nodes_there_are() -> None:
    most = 1 / COSTS.message
    found = simulate(nodes=10, cores=1, offered=2 * most, costs=COSTS, seconds=0.5)
    assert found.left > 0.3 * most * 0.5
    assert found.postgres > 0.9


def test_nodes_share_a_flush() -> None:
    slow = Costs(node_message=1e-6, commit=10e-6, message=1e-6, flush=10e-3)
    one, ten = (simulate(nodes=nodes, cores=4, offered=5_000, costs=slow, seconds=1) for nodes in (1, 10))
    assert ten.p99 < 3 * one.p99  # one after the other they would take ten times as long
