"""Whatever happens to a tenant, after one reconcile the ledger says what an independent judge says.

Two hundred histories; `python -m tests.oracle --histories 5000` (`make soak`) plays thousands, and
`python -m tests.oracle --seed N` tells one that failed.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from sandbox.graph.simulator import Simulator
from sandbox.graph.world import Refused
from tests.oracle import policies
from tests.oracle.author import Author
from tests.oracle.histories import KINDS, next_step
from tests.oracle.host import StoryClock
from tests.oracle.run import drawn_rates, play
from tests.oracle.tenants import Tenant

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

CHUNKS, IN_MEMORY, ON_AZURITE = 38, 5, 10
"""190 histories keep what they store in memory and reach Graph without sockets: a second of CPU each. Over
HTTP and on Azurite it is nine, a quarter of an hour for all; ten of them have both for real."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
async def test_after_one_reconcile_the_ledger_equals_the_independent_judge(chunk: int) -> None:
    lost, moments = 0, set[str]()
    for seed in range(chunk * IN_MEMORY, (chunk + 1) * IN_MEMORY):
        outcome = await play(seed)
        assert outcome.good, outcome.told()
        lost += outcome.lost
        moments |= outcome.moments
    assert lost
    assert moments == {"opened", "changed", "resolved"}


@pytest.mark.parametrize("seed", range(10_000, 10_000 + ON_AZURITE))
async def test_so_it_does_over_http_and_on_azurite(seed: int, storage_account: str) -> None:
    outcome = await play(seed, storage_account)
    assert outcome.good, outcome.told()


async def test_everything_that_can_happen_does_and_most_of_it_is_not_refused() -> None:
    """The watch takes no part in this: steps are drawn from the tenant alone."""
    drawn: Counter[str] = Counter()
    refused = done = 0
    for seed in range(80):
        for kind, went_well in _drawn(seed):
            drawn[kind] += 1
            done += went_well
            refused += not went_well
    assert drawn.keys() == KINDS.keys()
    assert min(drawn.values()) >= 5
    assert done > 4 * refused


def _drawn(seed: int) -> Iterator[tuple[str, bool]]:
    """Kinds of the steps of a history, and whether each operation was done."""
    clock = StoryClock()
    tenant = Tenant(seed, drawn_rates(seed), clock.here)
    simulator = Simulator(tenant.world)
    author = Author(seed, tenant, policies.draw(tenant.rng, tenant.groups))
    for _ in range(author.length()):
        step = next_step(author)
        for operation in step.does:
            try:
                operation.apply(simulator)
            except Refused:
                yield step.kind, False
            else:
                yield step.kind, True
        if not step.does:
            yield step.kind, True
