"""Messages that wait at the same time are worked on together; each still succeeds or fails by itself."""

import asyncio
import gc
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stage import APP
from shared.watch.messages import DELTA, GONE, HEARD, Changed, GivenUp
from shared.watch.parts import Watch
from shared.watch.users import evaluation, joining
from shared.watch.users.evaluation import Incomplete
from shared.watch.users.joining import Joiner

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
WATCH = cast("Watch", None)
Work = Callable[[Sequence[Changed]], Awaitable[None]]


def person(n: int) -> str:
    return f"{n:08x}-1111-4111-8111-111111111111"


def about(*users: int, why: str = HEARD, look: int = 1) -> Changed:
    return Changed(at=AT, users=tuple(map(person, users)), why=why, look=look)


def crowd(first: int, many: int) -> Changed:
    return about(*range(first, first + many))


class Evaluations:
    """What was worked on together, in order; `work` is what happens then."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.rounds: list[tuple[Changed, ...]] = []
        self.running = self.most = 0
        self.work: Work = _nothing
        patch.setattr(evaluation, "evaluate_users", self._evaluate)

    async def _evaluate(self, _: Watch, *messages: Changed) -> None:
        self.rounds.append(messages)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.work(messages)
        finally:
            self.running -= 1


async def _nothing(_: Sequence[Changed]) -> None:
    """All goes well."""


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Evaluations:
    return Evaluations(monkeypatch)


async def test_messages_that_come_at_the_same_time_are_one_round(seen: Evaluations) -> None:
    joiner = Joiner(0.0)
    messages = [about(n) for n in range(32)]
    await asyncio.gather(*(joiner.take(WATCH, one) for one in messages))
    assert seen.rounds == [tuple(messages)]


async def test_a_message_that_comes_alone_is_worked_on_at_once(seen: Evaluations) -> None:
    joiner = Joiner()
    for n in range(3):
        async with asyncio.timeout(1):
            await joiner.take(WATCH, about(n))
    assert seen.rounds == [(about(0),), (about(1),), (about(2),)]


async def test_only_messages_that_ask_for_the_same_look_go_together(seen: Evaluations) -> None:
    joiner = Joiner(0.0)
    kinds = [(HEARD, 1), (DELTA, 1), (HEARD, 2)]
    messages = [about(n, why=why, look=look) for n in range(4) for why, look in kinds]
    await asyncio.gather(*(joiner.take(WATCH, one) for one in messages))
    assert sorted(len(one) for one in seen.rounds) == [4, 4, 4]
    assert all(len({(each.why, each.look) for each in one}) == 1 for one in seen.rounds)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=40))
def test_each_message_is_worked_on_once_and_never_more_users_together_than_one_message_may_name(
    sizes: list[int],
) -> None:
    firsts = itertools.accumulate(sizes, initial=0)
    messages = [crowd(first, size) for first, size in zip(firsts, sizes, strict=False)]

    async def all_taken() -> list[tuple[Changed, ...]]:
        with pytest.MonkeyPatch.context() as patch:
            seen, joiner = Evaluations(patch), Joiner(0.0)
            await asyncio.gather(*(joiner.take(WATCH, one) for one in messages))
            return seen.rounds

    rounds = asyncio.run(all_taken())
    assert sorted(len(one.users) for each in rounds for one in each) == sorted(sizes)
    assert {one.users[0] for each in rounds for one in each} == {one.users[0] for one in messages}
    for each in rounds:
        assert sum(len(one.users) for one in each) <= joining.MOST
        assert len(each) == 1 or all(len(one.users) <= joining.FEW for one in each)


async def test_a_message_fails_only_if_one_of_its_own_users_could_not_be_read(seen: Evaluations) -> None:
    async def one_unread(_: Sequence[Changed]) -> None:
        raise Incomplete({person(2)}, "1 of 3 users could not be read: 1 x 503")

    seen.work = one_unread
    joiner = Joiner(0.0)
    messages = [about(1), about(2, 9), about(3)]
    ends = await asyncio.gather(*(joiner.take(WATCH, one) for one in messages), return_exceptions=True)
    assert [type(one) for one in ends] == [type(None), Incomplete, type(None)]


async def test_where_all_of_a_round_fails_all_of_its_messages_do(seen: Evaluations) -> None:
    async def broken(_: Sequence[Changed]) -> None:
        raise OSError("no storage")

    seen.work = broken
    joiner = Joiner(0.0)
    ends = await asyncio.gather(*(joiner.take(WATCH, about(n)) for n in range(3)), return_exceptions=True)
    assert [type(one) for one in ends] == [OSError] * 3
    seen.work = _nothing
    await joiner.take(WATCH, about(7))


async def test_a_message_that_makes_others_fail_is_soon_tried_by_itself_and_they_succeed(
    seen: Evaluations,
) -> None:
    async def broken_by_one(messages: Sequence[Changed]) -> None:
        if about(0) in messages:
            raise KeyError("something nobody expected")

    seen.work = broken_by_one
    joiner = Joiner(0.0)
    tries = dict.fromkeys(range(10), 0)
    done = set[int]()
    for _ in range(joining.JOINED_UNTIL + 1):
        left = [n for n in tries if n not in done]
        for n in left:
            tries[n] += 1
        ends = await asyncio.gather(
            *(joiner.take(WATCH, about(n), tries[n]) for n in left), return_exceptions=True
        )
        done |= {n for n, end in zip(left, ends, strict=True) if end is None}
    assert done == set(range(1, 10))


async def test_what_comes_while_rounds_go_on_is_joined_and_one_that_hangs_holds_up_nobody(
    seen: Evaluations,
) -> None:
    released = asyncio.Event()

    async def first_hangs(messages: Sequence[Changed]) -> None:
        if about(0) in messages:
            await released.wait()
        await asyncio.sleep(0.01)

    seen.work = first_hangs
    joiner = Joiner(0.0)
    hanging = asyncio.create_task(joiner.take(WATCH, about(0)))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(joiner.take(WATCH, about(n))) for n in range(1, 200)]
    async with asyncio.timeout(5):
        await asyncio.gather(*others)
    assert not hanging.done()
    assert len(seen.rounds) < 10
    released.set()
    await hanging


async def test_no_more_goes_on_at_a_time_than_memory_is_for(seen: Evaluations) -> None:
    async def slow(_: Sequence[Changed]) -> None:
        await asyncio.sleep(0.01)

    seen.work = slow
    joiner = Joiner(0.0)
    many = [crowd(1_000 * n, 400) for n in range(40)]
    await asyncio.gather(*(joiner.take(WATCH, one) for one in many))
    assert seen.most == joining.SINGLE
    seen.most = 0
    few = [crowd(1_000 * n, joining.FEW) for n in range(60)]
    await asyncio.gather(*(joiner.take(WATCH, one) for one in few))
    assert seen.most == joining.ROUNDS


async def test_a_call_that_is_given_up_leaves_the_others_of_its_round_alone(seen: Evaluations) -> None:
    joiner = Joiner(0.01)
    given_up = asyncio.create_task(joiner.take(WATCH, about(0)))
    other = asyncio.create_task(joiner.take(WATCH, about(1)))
    await asyncio.sleep(0)
    given_up.cancel()
    await other
    await asyncio.gather(given_up, return_exceptions=True)
    assert given_up.cancelled()
    assert seen.rounds == [(about(1),)]


async def test_a_round_in_which_something_is_given_up_fails_and_nobody_waits_for_ever(
    seen: Evaluations,
) -> None:
    async def given_up(_: Sequence[Changed]) -> None:
        await asyncio.sleep(0.01)
        raise asyncio.CancelledError

    seen.work = given_up
    joiner = Joiner(0.0)
    kinds = [(why, look) for why in (HEARD, DELTA, GONE) for look in (1, 2)]
    assert len(kinds) > joining.ROUNDS
    messages = [about(n, why=why, look=look) for n, (why, look) in enumerate(kinds)]
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*(joiner.take(WATCH, one) for one in messages), return_exceptions=True)
    assert [type(one) for one in ends] == [GivenUp] * len(kinds)
    seen.work = _nothing
    await joiner.take(WATCH, about(7))


async def test_a_message_whose_turn_does_not_come_goes_back_to_the_queue_and_is_not_worked_on_later(
    seen: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "PATIENCE", 0.05)
    released = asyncio.Event()

    async def hangs(_: Sequence[Changed]) -> None:
        await released.wait()

    seen.work = hangs
    joiner = Joiner(0.0)
    kinds = [(why, look) for why in (HEARD, DELTA, GONE) for look in (1, 2)]
    under_way = []
    for why, look in kinds[: joining.ROUNDS]:
        under_way.append(asyncio.create_task(joiner.take(WATCH, about(1, why=why, look=look))))
        await asyncio.sleep(0.005)
    large = [asyncio.create_task(joiner.take(WATCH, crowd(0, 400))) for _ in range(joining.SINGLE)]
    await asyncio.sleep(0.01)
    why, look = kinds[joining.ROUNDS]
    for late in (about(2, why=why, look=look), crowd(0, 400)):
        with pytest.raises(GivenUp, match="turn did not come"):
            await joiner.take(WATCH, late)
    assert len(seen.rounds) == joining.ROUNDS + joining.SINGLE
    released.set()
    await asyncio.gather(*under_way, *large)
    assert len(seen.rounds) == joining.ROUNDS + joining.SINGLE
    await joiner.take(WATCH, about(2, why=why, look=look))


async def test_what_is_done_by_itself_is_done_few_at_a_time_and_makes_room_though_it_fails() -> None:
    joiner, running, most = Joiner(0.0), 0, 0

    async def fails() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        raise OSError("no storage")

    ends = await asyncio.gather(*(joiner.by_itself(fails) for _ in range(60)), return_exceptions=True)
    assert [type(one) for one in ends] == [OSError] * 60
    assert most == joining.SINGLE


async def test_a_round_that_finds_nobody_waiting_any_more_is_over_and_the_next_goes_on(
    seen: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "PATIENCE", 0.01)
    joiner, troubles = Joiner(0.1), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    with pytest.raises(GivenUp):
        await joiner.take(WATCH, about(1))
    monkeypatch.setattr(joining, "PATIENCE", 5.0)
    await asyncio.sleep(0.15)
    await joiner.take(WATCH, about(2))
    gc.collect()
    assert (seen.rounds, troubles) == ([(about(2),)], [])


async def test_a_message_that_is_given_up_before_its_turn_is_not_worked_on_and_fails_nobody(
    seen: Evaluations,
) -> None:
    async def fails(_: Sequence[Changed]) -> None:
        raise OSError("no storage")

    seen.work = fails
    joiner, troubles = Joiner(0.02), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    waits = asyncio.create_task(joiner.take(WATCH, about(1)))
    await asyncio.sleep(0)
    waits.cancel()
    await asyncio.sleep(0.05)
    assert waits.cancelled()
    gc.collect()
    assert (seen.rounds, troubles) == ([], [])


async def test_a_message_that_is_given_up_as_its_round_begins_fails_nobody(seen: Evaluations) -> None:
    troubles = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    await _given_up_as_its_round_begins(seen)
    # All that held what became of it is gone: now it would be told that nobody asked.
    gc.collect()
    assert troubles == []


async def _given_up_as_its_round_begins(seen: Evaluations) -> None:
    begun = asyncio.Event()

    async def fails(_: Sequence[Changed]) -> None:
        begun.set()
        raise OSError("no storage")

    seen.work = fails
    joiner = Joiner(0.0)
    real = joiner._take_alike

    def taken() -> object:
        waits.cancel()
        return real()

    joiner._take_alike = taken  # type: ignore[method-assign, assignment]  # the moment between turn and waking
    waits = asyncio.create_task(joiner.take(WATCH, about(1)))
    await begun.wait()
    await asyncio.sleep(0)
    assert waits.cancelled()


def test_who_waits_in_vain_goes_back_to_the_queue_well_before_the_host_ends_the_process() -> None:
    text = json.loads((APP / "host.json").read_text("utf-8"))["functionTimeout"]
    hours, minutes, seconds = map(int, text.split(":"))
    assert hours * 3600 + minutes * 60 + seconds > 2 * joining.PATIENCE
