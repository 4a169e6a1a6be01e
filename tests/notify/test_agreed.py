"""Exceptions and the release order in storage: nothing of two administrators is lost, nothing is guessed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sandbox.storage_proxy import Match, StorageProxy
from shared.ledger.manifest import exceptions_path, release_path
from shared.notify.exceptions.agreed import (
    AgreedUnreadable,
    Refused,
    ReleaseOrder,
    add,
    end,
    order_release,
    recall,
    recall_release,
)
from shared.notify.exceptions.proposals import Proposal
from shared.rules.loader import load_rules
from shared.storage import Storage, StorageSettings
from shared.storage.versions import NewerSchema

pytestmark = pytest.mark.real

ROWS = load_rules().kinds
TENANT_ID = "00000000-0000-0000-0000-00000000beef"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PATH = exceptions_path(TENANT_ID)


def of_user(number: int = 1, days: float = 90, kind: str = "") -> Proposal:
    return Proposal(
        owner="Ada",
        reason="Leaves in June",
        until=NOW + timedelta(days=days),
        kind=kind,
        subject_type="user",
        subject_id=f"5f000000-0000-4000-8000-{number:012d}",
    )


@pytest.fixture
async def storage(proxy: StorageProxy) -> AsyncIterator[Storage]:
    storage = Storage.connect(StorageSettings(connection_string=proxy.connection_string))
    await storage.ensure()
    yield storage
    await storage.close()


async def test_what_is_agreed_is_recalled_as_it_was_written(storage: Storage) -> None:
    assert await recall(storage.ledger, TENANT_ID) == ()
    [first] = await add(storage.ledger, TENANT_ID, [of_user(1)], ROWS, NOW)
    later = NOW + timedelta(hours=1)
    second, third = await add(
        storage.ledger, TENANT_ID, [of_user(2), of_user(1, kind="coverage")], ROWS, later
    )
    recalled = await recall(storage.ledger, TENANT_ID)
    assert recalled == (first.exemption, second.exemption, third.exemption)
    assert all(one.holds(later) for one in recalled)
    assert len({one.id for one in recalled}) == 3


async def test_it_is_json_with_a_schema_and_belongs_to_no_epoch(storage: Storage) -> None:
    await add(storage.ledger, TENANT_ID, [of_user()], ROWS, NOW)
    stored = await storage.ledger.read(f"{TENANT_ID}/exceptions")
    assert stored is not None
    assert msgspec.json.decode(stored.data)["schema"] == 1


async def test_of_several_administrators_at_once_nobodys_exception_is_lost(storage: Storage) -> None:
    await asyncio.gather(
        *(add(storage.ledger, TENANT_ID, [of_user(number)], ROWS, NOW) for number in range(12))
    )
    assert {one.subject_id for one in await recall(storage.ledger, TENANT_ID)} == {
        of_user(number).subject_id for number in range(12)
    }


async def test_of_two_who_agree_the_same_at_once_one_is_told_that_it_is_agreed(storage: Storage) -> None:
    twice = (add(storage.ledger, TENANT_ID, [of_user()], ROWS, NOW) for _ in range(2))
    results = await asyncio.gather(*twice, return_exceptions=True)
    [refused] = [one for one in results if isinstance(one, BaseException)]
    assert isinstance(refused, Refused)
    assert refused.faults[0][0].code == "agreed-already"
    assert len(await recall(storage.ledger, TENANT_ID)) == 1


@pytest.mark.parametrize("there_before", [False, True])
async def test_a_write_whose_answer_was_lost_is_not_done_twice(
    storage: Storage, proxy: StorageProxy, there_before: bool
) -> None:
    if there_before:
        await add(storage.ledger, TENANT_ID, [of_user(2)], ROWS, NOW)
    proxy.drop_answer(Match("PUT", "^ledger/.*/exceptions"))
    [agreed] = await add(storage.ledger, TENANT_ID, [of_user()], ROWS, NOW)
    assert (await recall(storage.ledger, TENANT_ID)).count(agreed.exemption) == 1
    proxy.drop_answer(Match("PUT", "^ledger/.*/exceptions"))
    ended = await end(storage.ledger, TENANT_ID, agreed.exemption.id, NOW + timedelta(minutes=1))
    assert ended in await recall(storage.ledger, TENANT_ID)


async def test_a_list_with_one_fault_writes_nothing(storage: Storage) -> None:
    with pytest.raises(Refused) as refused:
        await add(storage.ledger, TENANT_ID, [of_user(1), of_user(2, days=-1)], ROWS, NOW)
    assert [[fault.code for fault in one] for one in refused.value.faults] == [[], ["past-until"]]
    assert await recall(storage.ledger, TENANT_ID) == ()


async def test_one_that_lasts_longer_replaces_the_one_in_force(storage: Storage) -> None:
    [short] = await add(storage.ledger, TENANT_ID, [of_user(days=10)], ROWS, NOW)
    later = NOW + timedelta(days=1)
    [long] = await add(storage.ledger, TENANT_ID, [of_user(days=50)], ROWS, later)
    assert long.replaces == (short.exemption.id,)
    before, after = await recall(storage.ledger, TENANT_ID)
    assert (before.ended_at, before.holds(later)) == (later, False)
    assert after.holds(later)


async def test_an_exception_ends_when_somebody_ends_it_and_only_once(storage: Storage) -> None:
    [agreed] = await add(storage.ledger, TENANT_ID, [of_user()], ROWS, NOW)
    key, later = agreed.exemption.id, NOW + timedelta(days=1)
    ended = await end(storage.ledger, TENANT_ID, key, later)
    assert (ended.end, ended.holds(later)) == (later, False)
    assert await recall(storage.ledger, TENANT_ID) == (ended,)
    for unknown, code in ((key, "ended-already"), ("e-00000000", "no-such-exception")):
        with pytest.raises(Refused) as refused:
            await end(storage.ledger, TENANT_ID, unknown, later + timedelta(days=1))
        assert refused.value.faults[0][0].code == code


async def test_an_ended_exception_is_kept_for_a_year(storage: Storage) -> None:
    [agreed] = await add(storage.ledger, TENANT_ID, [of_user(1, days=10)], ROWS, NOW)
    ended_at = agreed.exemption.end
    await add(storage.ledger, TENANT_ID, [of_user(2, days=600)], ROWS, ended_at + timedelta(days=365))
    assert agreed.exemption in await recall(storage.ledger, TENANT_ID)
    await add(storage.ledger, TENANT_ID, [of_user(3, days=600)], ROWS, ended_at + timedelta(days=367))
    assert agreed.exemption not in await recall(storage.ledger, TENANT_ID)


UNREADABLE = [
    b"",
    b"{",
    b"\xff",
    b"[]",
    b"{}",
    b'{"schema":2,"exceptions":[]}',
    b'{"schema":1,"exceptions":[{"id":"a secret"}]}',
    b'{"schema":1,"exceptions":[{"id":"x","owner":"a secret","reason":"r",'
    b'"until":"2026-12-01T00:00:00","created_at":"2026-11-01T00:00:00Z"}]}',
]


@pytest.mark.parametrize("data", UNREADABLE)
async def test_what_cannot_be_read_is_an_error_without_its_content_and_is_not_written_over(
    storage: Storage, data: bytes
) -> None:
    await storage.ledger.put(PATH, data)
    for attempt in (
        recall(storage.ledger, TENANT_ID),
        add(storage.ledger, TENANT_ID, [of_user()], ROWS, NOW),
        end(storage.ledger, TENANT_ID, "e-1", NOW),
    ):
        with pytest.raises((AgreedUnreadable, NewerSchema)) as caught:
            await attempt
        assert PATH in str(caught.value)
        assert "secret" not in str(caught.value)
    stored = await storage.ledger.read(PATH)
    assert stored is not None
    assert stored.data == data


async def test_the_last_release_order_counts(storage: Storage) -> None:
    assert await recall_release(storage.ledger, TENANT_ID) is None
    first = ReleaseOrder(at=NOW, by="Ada")
    second = ReleaseOrder(at=NOW + timedelta(minutes=1), by="Grace", discard=True)
    for order in (first, second):
        await order_release(storage.ledger, TENANT_ID, order)
        assert await recall_release(storage.ledger, TENANT_ID) == order


@pytest.mark.parametrize("data", [b"", b"{}", b'{"at":"2026-11-22T12:00:00","by":"Ada"}'])
async def test_a_release_order_that_cannot_be_read_is_an_error(storage: Storage, data: bytes) -> None:
    await storage.ledger.put(release_path(TENANT_ID), data)
    with pytest.raises(AgreedUnreadable):
        await recall_release(storage.ledger, TENANT_ID)
