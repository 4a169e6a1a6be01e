"""What single events tell is asked for together, and never lost on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.core.exceptions import AzureError
from hypothesis import given
from hypothesis import strategies as st

from sandbox.storage_proxy import Match, StorageProxy
from shared.guids import as_guid
from shared.storage import Storage, StorageSettings
from shared.storage.queues import Received
from shared.watch.hearing import collecting
from shared.watch.hearing.collecting import Collector, joined
from shared.watch.messages import (
    AGAIN,
    IDS_A_MESSAGE,
    BadMessage,
    Changed,
    GivenUp,
    put_on_at,
    read_changed,
    write_changed,
)
from shared.watch.parts import Watch

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)


def person(n: int) -> str:
    return f"{n:08x}-1111-4111-8111-111111111111"


def told(*users: int, at: datetime = AT, groups: tuple[int, ...] = ()) -> Changed:
    return Changed(at=at, users=tuple(map(person, users)), groups=tuple(map(person, groups)))


events = st.builds(
    told,
    st.integers(0, 5),
    at=st.integers(0, 50).map(lambda n: AT + timedelta(seconds=n)),
) | st.builds(
    lambda group, at: told(at=at, groups=(group,)),
    st.integers(0, 5),
    st.integers(0, 50).map(lambda n: AT + timedelta(seconds=n)),
)


@given(st.lists(events, max_size=30))
def test_everybody_that_any_event_names_is_asked_for_once_and_not_too_early(heard: list[Changed]) -> None:
    asked = [read_changed(text) for text in joined(heard)]
    for kind in ("users", "groups"):
        named = [one for message in asked for one in getattr(message, kind)]
        assert sorted(named) == sorted({one for message in heard for one in getattr(message, kind)})
    for message in asked:
        assert message.at == max(one.at for one in heard)
        assert (message.look, message.why, message.since) == (1, "", message.at)


def test_a_thousand_events_are_as_many_messages_as_graph_would_have_caused_in_one_call() -> None:
    texts = joined([told(n) for n in range(1_000)])
    assert len(texts) == 3
    assert max(len(read_changed(text).users) for text in texts) == IDS_A_MESSAGE
    assert all(as_guid(one) for text in texts for one in read_changed(text).users)


# --- with a queue -------------------------------------------------------------------------------------------


@asynccontextmanager
async def watching(connection: str) -> AsyncIterator[Watch]:
    """Whatever of a watch a collector needs: its storage."""
    storage = Storage.connect(StorageSettings(connection_string=connection))
    yield cast(Watch, SimpleNamespace(storage=storage))
    await storage.close()


async def asked_for(storage: Storage) -> list[Changed]:
    found = []
    while messages := await storage.changed_users.receive():
        found += [read_changed(message.text) for message in messages]
    return found


async def send(storage: Storage, *heard: Changed) -> None:
    texts = [text for one in heard for text in write_changed(one.at, users=one.users, groups=one.groups)]
    await asyncio.gather(*(storage.heard.send(text) for text in texts))


@pytest.mark.real
async def test_whoever_takes_the_first_takes_all_others_along(storage: Storage) -> None:
    await send(storage, *(told(n, at=AT + timedelta(seconds=n)) for n in range(1, 100)), told(groups=(7,)))
    async with watching_of(storage) as watch:
        await Collector(0.0).take(watch, told(0))
    users, groups = await asked_for(storage), []
    groups = [one for one in users if one.groups]
    users = [one for one in users if one.users]
    assert [sorted(one.users) for one in users] == [sorted(map(person, range(100)))]
    assert [one.groups for one in groups] == [(person(7),)]
    # The queue took them just now, and that is later than they say.
    assert AT + timedelta(seconds=99) < users[0].at == users[0].since
    assert await storage.heard.length() == 0


@pytest.mark.real
async def test_events_count_as_of_when_their_queue_took_them_and_not_when_they_were_joined(
    storage: Storage,
) -> None:
    took = AT + timedelta(minutes=3)
    async with watching_of(storage) as watch:
        await Collector(0.0).take(watch, told(0), took)
    [text] = [message.text for message in await storage.changed_users.receive()]
    asked = read_changed(text)
    assert (asked.at, asked.since) == (took, took)
    assert put_on_at(asked, took + timedelta(minutes=3)) == asked


@pytest.mark.real
async def test_those_that_a_process_has_at_once_are_one_message(storage: Storage) -> None:
    collector = Collector(0.2)
    async with watching_of(storage) as watch:
        await asyncio.gather(*(collector.take(watch, told(n)) for n in range(12)))
        [first] = await asked_for(storage)
        assert len(first.users) == 12
        # And the next round is one of its own.
        await collector.take(watch, told(50))
    [second] = await asked_for(storage)
    assert second.users == (person(50),)


@pytest.mark.real
async def test_the_first_does_not_wait_for_the_last_where_events_keep_coming(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "LONGEST", 0.2)
    receive, came = storage.heard.receive, 0

    async def one_more(n: int = 32, hidden: int = 30) -> list[Received]:
        nonlocal came
        came += 1
        await send(storage, told(came))
        return await receive(n, hidden)

    monkeypatch.setattr(storage.heard, "receive", one_more)
    async with watching_of(storage) as watch, asyncio.timeout(20):
        await Collector(0.0).take(watch, told(0))
    [asked] = await asked_for(storage)
    assert len(asked.users) == came + 1 < collecting.MOST


@pytest.mark.real
async def test_where_nothing_can_be_asked_for_nothing_leaves_the_queue(
    storage: Storage, proxy: StorageProxy
) -> None:
    await send(storage, told(1), told(2))
    proxy.answer(Match("POST", r"^changed-users/messages"), 403)
    collector = Collector(0.0)
    async with watching(proxy.connection_string) as watch:
        results = await asyncio.gather(
            *(collector.take(watch, told(n)) for n in (3, 4)), return_exceptions=True
        )
    assert [isinstance(one, AzureError) for one in results] == [True, True]
    assert await storage.heard.length() == 2
    assert await asked_for(storage) == []


@pytest.mark.real
async def test_a_process_that_dies_before_it_deletes_has_them_asked_for_again_and_loses_none(
    storage: Storage, proxy: StorageProxy
) -> None:
    await send(storage, told(1))
    proxy.answer(Match("DELETE", r"^heard/messages"), 403)
    async with watching(proxy.connection_string) as watch:
        with pytest.raises(AzureError):
            await Collector(0.0).take(watch, told(0))
    [asked] = await asked_for(storage)
    assert sorted(asked.users) == [person(0), person(1)]
    assert await storage.heard.length() == 1


@pytest.mark.real
@pytest.mark.parametrize(
    "text",
    ["not JSON", "{}", write_changed(AT, users=[person(9)], why=AGAIN)[0]],
    ids=["text", "{}", "again"],
)
async def test_what_no_event_has_caused_is_left_for_the_host_to_put_aside(
    storage: Storage, text: str
) -> None:
    await storage.heard.send(text)
    async with watching_of(storage) as watch:
        await Collector(0.0).take(watch, told(0))
    [asked] = await asked_for(storage)
    assert asked.users == (person(0),)
    assert await storage.heard.length() == 1


async def test_where_something_is_given_up_nobody_waits_for_ever_and_the_next_round_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds: list[int] = []

    async def gives_up_once(watch: Watch, heard: list[Changed]) -> None:
        rounds.append(len(heard))
        await asyncio.sleep(0.02)
        if len(rounds) == 1:
            raise asyncio.CancelledError

    monkeypatch.setattr(collecting, "_ask", gives_up_once)
    collector, watch = Collector(0.0), cast("Watch", None)
    first = asyncio.create_task(collector.take(watch, told(1)))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(collector.take(watch, told(2)))
    async with asyncio.timeout(5):
        with pytest.raises(GivenUp):
            await first
        await second
    assert rounds == [1, 1]


@pytest.mark.parametrize("moment", ["while it gathers", "while it asks"])
async def test_where_the_round_itself_is_given_up_nobody_waits_for_ever(
    monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    async def hangs(watch: Watch, heard: list[Changed]) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(collecting, "_ask", hangs)
    collector, watch = Collector(60.0 if moment == "while it gathers" else 0.0), cast("Watch", None)
    waits = [asyncio.create_task(collector.take(watch, told(1)))]
    await asyncio.sleep(0.01)
    waits.append(asyncio.create_task(collector.take(watch, told(2))))
    await asyncio.sleep(0.01)
    assert collector._round is not None
    collector._round.cancel()
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*waits, return_exceptions=True)
    assert [type(one) for one in ends] == [GivenUp, GivenUp]


async def test_it_is_refused_where_it_comes_by_itself() -> None:
    none: Any = None
    with pytest.raises(BadMessage):
        await Collector(0.0).take(none, Changed(at=AT, users=(person(1),), why=AGAIN))
    with pytest.raises(BadMessage):
        await Collector(0.0).take(none, Changed(at=AT, users=(person(1),), look=2))


@asynccontextmanager
async def watching_of(storage: Storage) -> AsyncIterator[Watch]:
    """The same with storage that is there already."""
    yield cast(Watch, SimpleNamespace(storage=storage))
