"""The Autobahn test suite, where there is a Python 2.7 to run it; `test_strictness.py` has our own cases, always."""

import asyncio

import pytest

from tests.autobahn import run

pytestmark = [pytest.mark.early, pytest.mark.thorough]


async def test_every_case_of_sections_1_to_7_and_10_is_ok(capsys):
    try:
        results = await asyncio.to_thread(run.run)
    except run.NotHere as reason:
        with capsys.disabled():
            print(f"\nAutobahn: not run. {reason}")
        return
    assert run.faults(results) == {}, run.table(results)
    assert len(results) == run.CASES
