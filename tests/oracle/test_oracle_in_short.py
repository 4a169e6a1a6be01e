"""A few of the histories, in memory: the jobs of the watch and the ledger as a whole, within seconds."""

import pytest

from tests.oracle.run import play

SEEDS = (0, 1, 2, 3)


@pytest.mark.parametrize("seed", SEEDS)
async def test_after_one_reconcile_the_ledger_is_right_and_the_journal_gives_it(seed: int) -> None:
    outcome = await play(seed)
    assert outcome.good, outcome.told()
