"""Queue messages: read strictly, written within the queue's limits."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import evaluation, reconciliation
from shared.watch import parts
from shared.watch.hearing import subscriptions
from shared.watch.messages import (
    AGAIN,
    DELETE,
    DELTA,
    SWEEP,
    WHY,
    BadMessage,
    Changed,
    LifecycleEvent,
    once_more,
    put_on_at,
    read_changed,
    read_step,
    write_changed,
    write_lifecycle,
    write_order,
    write_step,
)

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
USER = "11111111-1111-4111-8111-111111111111"

UNREADABLE = [
    "",
    "not json",
    "[]",
    "null",
    "{}",
    '{"users": ["a"]}',
    '{"users": ["a"], "at": "yesterday"}',
    '{"users": ["a"], "at": "2026-11-22T09:00:00"}',
    '{"users": [1], "at": "2026-11-22T09:00:00Z"}',
    '{"users": [], "at": "2026-11-22T09:00:00Z"}',
    '{"users": ["a"], "groups": ["b"], "at": "2026-11-22T09:00:00Z"}',
    '{"users": ["a"], "at": "2026-11-22T09:00:00Z", "more": 1}',
    '{"users": ["a"], "at": "2026-11-22T09:00:00Z", "why": "for fun"}',
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_message_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        read_changed(text)


NO_STEPS = [
    "",
    "x",
    "{}",
    '{"reading": 1, "id": "a"}',
    '{"reading": "sweep", "step": 1}',
    '{"reading": "novels", "id": "a", "step": 1}',
    '{"reading": "sweep", "id": "a", "lifecycle": [{}]}',
    '{"subscriptions": "delete"}',
    '{"subscriptions": "delete", "at": "2026-11-22T09:00:00"}',
    '{"subscriptions": "rename", "at": "2026-11-22T09:00:00Z"}',
    '{"subscriptions": "delete", "at": "2026-11-22T09:00:00Z", "reading": "sweep", "id": "a", "step": 1}',
]


@pytest.mark.parametrize("text", NO_STEPS)
def test_a_sweep_message_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        read_step(text)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_bad_message(data: bytes) -> None:
    for read in (read_changed, read_step):
        try:
            read(data)
        except BadMessage:
            continue


@given(st.integers(0, 1300), st.integers(0, 500), st.integers(1, 2), st.sampled_from(WHY))
def test_every_id_is_written_once_and_no_message_outgrows_the_queue(
    users: int, groups: int, look: int, why: str
) -> None:
    user_ids = [f"00000000-0000-0000-0000-{n:012d}" for n in range(users)]
    group_ids = [f"00000000-0000-0000-0001-{n:012d}" for n in range(groups)]
    texts = write_changed(AT, users=user_ids, groups=group_ids, look=look, why=why)
    read = [read_changed(text) for text in texts]
    assert sorted(one for message in read for one in message.users) == user_ids
    assert [one for message in read for one in message.groups] == group_ids
    assert all((message.at, message.look, message.why) == (AT, look, why) for message in read)
    assert all(len(text) < 48_000 for text in texts)


def test_a_sweep_step_survives_the_queue() -> None:
    step = read_step(write_step(SWEEP, "abc", 7))
    assert (step.reading, step.id, step.step, step.lifecycle) == (SWEEP, "abc", 7, ())


def test_an_order_about_the_subscriptions_survives_the_queue() -> None:
    step = read_step(write_order(DELETE, AT))
    assert (step.subscriptions, step.at, step.reading, step.calls) == (DELETE, AT, "", None)


@pytest.mark.parametrize(
    ("inserted", "counts"),
    [
        (None, AT),
        (AT - timedelta(minutes=3), AT),
        (AT + timedelta(minutes=3), AT + timedelta(minutes=3)),
        ((AT + timedelta(minutes=3)).replace(tzinfo=None), AT + timedelta(minutes=3)),
    ],
)
def test_what_an_endpoint_wrote_counts_as_of_when_the_queue_took_it_if_that_is_later(
    inserted: datetime | None, counts: datetime
) -> None:
    told = Changed(at=AT, users=(USER,))
    assert put_on_at(told, inserted) == Changed(at=counts, since=counts, users=(USER,))


@pytest.mark.parametrize("asked", [{"why": DELTA}, {"why": AGAIN}, {"look": 2}, {"since": AT}])
def test_what_the_watch_itself_wrote_is_taken_at_its_word_however_often_it_is_put_on_the_queue(
    asked: dict[str, Any],
) -> None:
    message = Changed(at=AT, groups=(USER,), **asked)
    assert put_on_at(message, AT + timedelta(minutes=3)) == message


def test_a_message_that_goes_on_the_queue_again_asks_since_now_and_says_when_the_notification_came() -> None:
    (text,) = write_changed(AT, users=(USER,))
    before, later = AT - timedelta(minutes=1), AT + timedelta(minutes=1)
    assert read_changed(once_more(text, later)) == Changed(at=later, since=AT, users=(USER,))
    assert read_changed(once_more(text, before)) == Changed(at=AT, since=AT, users=(USER,))
    for (text,) in (
        write_changed(AT, users=(USER,), since=before),
        write_changed(AT, users=(USER,), look=2),
        write_changed(AT, users=(USER,), why=DELTA),
    ):
        assert once_more(text, later) == text
    with pytest.raises(BadMessage):
        once_more("{}", later)


def test_lifecycle_events_count_as_of_when_the_queue_took_them_and_other_steps_have_no_time() -> None:
    event = LifecycleEvent(subscription=USER, event="missed")
    step, later = read_step(write_lifecycle([event], AT)), AT + timedelta(minutes=3)
    assert put_on_at(step, later) == msgspec.structs.replace(step, at=later)
    assert put_on_at(step, AT - timedelta(minutes=3)) == step
    assert put_on_at(read_step(write_step(SWEEP, "abc", 7)), later).at is None


async def test_the_function_hands_a_message_on_as_of_when_the_queue_took_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[Changed] = []

    async def take(_: object, changed: Changed, tries: int) -> None:
        taken.append(changed)

    async def ready() -> None:
        """No watch is needed."""

    monkeypatch.setattr(evaluation.joiner, "take", take)
    monkeypatch.setattr(parts, "ready", ready)
    [text] = write_changed(AT, users=[USER])
    later = AT + timedelta(minutes=3)
    message = SimpleNamespace(get_body=text.encode, insertion_time=later, dequeue_count=1)
    function: Any = evaluation.evaluate
    await function._function.get_user_function()(message)
    assert [one.at for one in taken] == [later]


async def test_the_function_answers_lifecycle_events_as_of_when_the_queue_took_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered: list[datetime | None] = []

    async def answer(_: object, events: object, at: datetime | None) -> None:
        answered.append(at)

    async def ready() -> None:
        """No watch is needed."""

    monkeypatch.setattr(subscriptions, "answer", answer)
    monkeypatch.setattr(parts, "ready", ready)
    text = write_lifecycle([LifecycleEvent(subscription=USER, event="missed")], AT)
    later = AT + timedelta(minutes=3)
    function: Any = reconciliation.sweep_step
    await function._function.get_user_function()(SimpleNamespace(get_body=text.encode, insertion_time=later))
    assert answered == [later]
