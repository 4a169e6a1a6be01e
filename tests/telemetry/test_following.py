"""Ids in log records, and in the queue messages that carry them on."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared import following
from shared.following import about
from shared.graph import notifications
from shared.watch import messages
from shared.watch.messages import BadMessage

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
USER = "0b6e9f7a-6d0f-4a53-9a3e-000000000001"


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Records as the app makes them, for the length of a test."""
    before, level = logging.getLogRecordFactory(), logging.getLogger("watch").level
    following.mark_records()
    yield caplog
    logging.setLogRecordFactory(before)
    logging.getLogger("watch").setLevel(level)


def within(call: str) -> None:
    following.begin("evaluate", call)


async def test_a_record_bears_the_call_and_the_job_and_shows_them(records: pytest.LogCaptureFixture) -> None:
    within("abc123")
    logging.getLogger("watch.sweep").info("%d %%", 5)
    (record,) = records.records
    assert record.getMessage() == "5 % [call=abc123 job=evaluate]"
    assert (record.__dict__["watch.call"], record.__dict__["watch.job"]) == ("abc123", "evaluate")


async def test_the_ids_of_what_a_record_tells_stand_behind_its_text(
    records: pytest.LogCaptureFixture,
) -> None:
    within("abc123")
    told = about(book="0001", seq=7, findings=["f1", "f2"], card="c", route="teams", wait=0.26)
    logging.getLogger("watch").info("told", extra=told)
    assert records.messages == [
        "told [call=abc123 job=evaluate book=0001 seq=7 findings=f1 f2 card=c route=teams wait=0.3]"
    ]


async def test_records_of_others_are_as_they_were(records: pytest.LogCaptureFixture) -> None:
    within("abc123")
    # A command that was tried before in this process keeps "azure" quiet.
    with records.at_level(logging.INFO), records.at_level(logging.INFO, "azure"):
        logging.getLogger("watchful").info("hello")
        logging.getLogger("azure.core").info("hello")
    assert records.messages == ["hello", "hello"]
    assert all("watch.call" not in record.__dict__ for record in records.records)


async def test_invocations_at_the_same_time_keep_their_own_ids(records: pytest.LogCaptureFixture) -> None:
    async def work(call: str) -> None:
        following.begin("evaluate", call)
        await asyncio.sleep(0)
        logging.getLogger("watch").info("done")

    await asyncio.gather(*(asyncio.create_task(work(f"{n:x}")) for n in range(5)))
    assert sorted(one.__dict__["watch.call"] for one in records.records) == ["0", "1", "2", "3", "4"]


async def test_outside_an_invocation_a_record_says_only_its_own(records: pytest.LogCaptureFixture) -> None:
    logging.getLogger("watch").info("hello")
    assert records.messages == ["hello"]


def test_a_long_list_of_findings_is_cut_and_says_so() -> None:
    named = about(findings=[f"f{n}" for n in range(60)])["watch.findings"].split()
    assert (len(named), named[-1]) == (51, "+10")


def test_calls_that_were_joined_are_named() -> None:
    assert about(joined=["a1", "b2"]) == {"watch.joined": "a1 b2"}


def test_an_id_is_new_each_time_and_nothing_else_passes_for_one() -> None:
    ids = {following.new_call() for _ in range(100)}
    assert len(ids) == 100
    assert all(map(following.is_call, ids))
    assert not any(map(following.is_call, ("", "ABC", "a b", "a\n", "0" * 33, "ümlaut")))


async def test_messages_carry_the_call_on_and_old_ones_without_it_are_read() -> None:
    (bare,) = messages.write_changed(NOW, users=[USER])
    assert "call" not in bare
    assert messages.read_changed(bare).call == ""
    within("abc123")
    (text,) = messages.write_changed(NOW, users=[USER])
    assert messages.read_changed(text).call == "abc123"
    step = messages.write_step(messages.SWEEP, "s", 1)
    assert messages.read_step(step).call == "abc123"
    event = messages.LifecycleEvent(subscription=USER, event="missed")
    assert messages.read_step(messages.write_lifecycle([event], NOW)).call == "abc123"


async def test_what_graph_tells_goes_on_with_the_id_of_its_call() -> None:
    within("abc123")
    call = notifications.Call(
        user_ids=(USER,),
        group_ids=(USER,),
        lifecycle=(notifications.Lifecycle(USER, "missed"),),
        counts={},
        subscriptions={},
    )
    texts = notifications.messages(call, NOW)
    assert [messages.read_changed(text).call for text in texts] == ["abc123", "abc123"]
    (event,) = notifications.lifecycle_messages(call, NOW)
    assert messages.read_step(event).call == "abc123"


@pytest.mark.parametrize("call", ["no id", "ABC", "0" * 33, "a]\\nforged [call=b"])
def test_a_message_with_a_call_that_is_none_of_ours_is_not_read(call: str) -> None:
    with pytest.raises(BadMessage):
        messages.read_changed(f'{{"users": ["{USER}"], "at": "2026-11-23T08:00:00Z", "call": "{call}"}}')
    with pytest.raises(BadMessage):
        messages.read_step(f'{{"reading": "sweep", "id": "x", "step": 1, "call": "{call}"}}')
