"""What `make bench` holds the watch against: the SDK's own ways of reading users, from the same simulator."""

import msgspec
import pytest

from benchmarks.process import Failed, answer_of
from benchmarks.spent import Spent
from sandbox.graph.rates import Rates
from sandbox.graph.server import serve
from sandbox.graph.tenant import generate

USERS = 300


async def _read(environment: dict[str, str], way: str, users: int, page: int) -> Spent:
    told = await answer_of(["-m", "benchmarks.typed", way, str(users), str(page)], environment)
    return msgspec.json.decode(told, type=Spent)


@pytest.mark.real
async def test_paging_by_hand_reads_all_where_the_page_iterator_stops_at_an_empty_page() -> None:
    world = generate(USERS, 5, rates=Rates(throttling=False, empty_page_rate=0.6))
    async with await serve(world) as graph:
        environment = dict(graph.environment)
        by_hand = await _read(environment, "paging", 10**6, 20)
        helped = await _read(environment, "iterator", 10**6, 20)
        world.rates = Rates(throttling=False)
        one = await _read(environment, "one", 5, 20)
    assert by_hand.users == len(world.users)
    assert helped.users < by_hand.users
    assert one.users == 5
    assert min(by_hand.cpu, one.cpu) > 0


async def test_a_process_that_fails_is_told_with_its_own_words() -> None:
    with pytest.raises(Failed, match="oh dear"):
        await answer_of(["-c", "raise SystemExit('oh dear')"])
