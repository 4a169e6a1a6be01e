"""Graph's calls are counted where they arrive, told once a minute, and summed up for health."""

import asyncio
import itertools
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.notifications import COUNTS, lifecycle_messages, messages, parse_call
from shared.watch.hearing import calls
from shared.watch.hearing.calls import CLASSES, REFUSED, UNKNOWN, Tally
from shared.watch.messages import CallCounts, Seen, read_changed, read_step, write_calls
from shared.watch.subscription_memory import recall
from shared.watch.wellbeing import health
from tests.watch.scene import Scene

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECRET = "s" * 40
TENANT = "3f0a7b5e-6f0e-4f1c-9a50-0d0f6f3c1a11"
ROOT = Path(__file__).resolve().parents[2]


def gid(number: int, kind: str = "a") -> str:
    return f"{kind * 8}-0000-4000-8000-{number:012d}"


def told(tally: Tally, at: datetime) -> CallCounts:
    """What it tells now."""
    text = tally.due(at)
    assert text is not None
    found = read_step(text).calls
    assert found is not None
    return found


def test_nothing_is_told_while_nothing_was_counted() -> None:
    tally = Tally()
    assert tally.due(AT) is None
    tally.add(dict.fromkeys(COUNTS, 0), {}, AT)
    assert tally.due(AT) is None


def test_only_what_an_administrator_should_know_is_told() -> None:
    tally = Tally()
    tally.add(dict.fromkeys((*COUNTS, REFUSED), 1), {gid(1): 2}, AT)
    found = told(tally, AT)
    assert set(found.classes) == {*CLASSES, REFUSED}
    assert set(CLASSES) < set(COUNTS)
    assert found.subscriptions == {gid(1): Seen(2, AT)}


def test_a_process_tells_at_most_once_a_minute_and_nothing_twice() -> None:
    tally = Tally()
    tally.add({"forged": 1}, {}, AT)
    assert told(tally, AT).classes == {"forged": Seen(1, AT)}
    later = AT + MINUTE - timedelta(seconds=1)
    tally.add({"forged": 2}, {}, later)
    assert tally.due(later) is None
    tally.add({"forged": 3, "foreign": 1}, {}, AT + MINUTE)
    assert told(tally, AT + MINUTE).classes == {
        "forged": Seen(5, AT + MINUTE),
        "foreign": Seen(1, AT + MINUTE),
    }
    assert tally.due(AT + 9 * MINUTE) is None


def test_a_process_tells_again_after_its_clock_was_ahead() -> None:
    tally = Tally()
    tally.add({"forged": 1}, {}, AT + 60 * MINUTE)
    assert told(tally, AT + 60 * MINUTE)
    tally.add({"forged": 2}, {}, AT)
    assert told(tally, AT).classes == {"forged": Seen(2, AT)}


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(CLASSES), st.integers(0, 9)), max_size=40))
def test_what_is_told_adds_up_to_what_was_counted(seen: list[tuple[int, str, int]]) -> None:
    tally, at, sums = Tally(), AT, dict.fromkeys(CLASSES, 0)
    times: list[datetime] = []
    for seconds, name, count in seen:
        at += timedelta(seconds=seconds)
        tally.add({name: count}, {}, at)
        if text := tally.due(at):
            times.append(at)
            for key, one in (read_step(text).calls or CallCounts()).classes.items():
                sums[key] += one.n
    if text := tally.due(at + MINUTE):
        for key, one in (read_step(text).calls or CallCounts()).classes.items():
            sums[key] += one.n
    assert sums == {name: sum(n for _, key, n in seen if key == name) for name in CLASSES}
    assert all(after - before >= MINUTE for before, after in itertools.pairwise(times))


def test_a_flood_of_subscription_ids_makes_no_message_that_outgrows_the_queue() -> None:
    tally = Tally()
    tally.add({}, {gid(number): 1 for number in range(5000)}, AT)
    text = tally.due(AT)
    assert text
    assert len(text) < 48_000
    found = read_step(text).calls
    assert found
    assert sum(seen.n for seen in found.subscriptions.values()) == 5000


def test_what_the_notification_path_writes_is_read_as_written() -> None:
    items = [
        {"tenantId": TENANT, "clientState": SECRET, "changeType": "updated", "resource": f"Users/{gid(n)}"}
        for n in range(801)
    ]
    items += [
        {
            "tenantId": TENANT,
            "clientState": SECRET,
            "changeType": "updated",
            "resource": f"Groups/{gid(1, 'b')}",
        },
        {
            "tenantId": TENANT,
            "clientState": SECRET,
            "subscriptionId": gid(2, "c"),
            "lifecycleEvent": "missed",
        },
    ]
    call = parse_call(json.dumps({"value": items}).encode(), TENANT, (SECRET,))
    read = [read_changed(text) for text in messages(call, AT)]
    assert sorted(one for message in read for one in message.users) == [gid(n) for n in range(801)]
    assert [message.groups for message in read if message.groups] == [(gid(1, "b"),)]
    assert {(message.at, message.look, message.why) for message in read} == {(AT, 1, "")}
    [step] = [read_step(text) for text in lifecycle_messages(call, AT)]
    assert [(one.subscription, one.event) for one in step.lifecycle] == [(gid(2, "c"), "missed")]
    assert step.at == AT
    assert call.subscriptions == {"": 802, gid(2, "c"): 1}


def test_counts_survive_the_queue() -> None:
    counts = CallCounts(classes={"forged": Seen(3, AT)}, subscriptions={gid(1): Seen(2, AT)})
    assert read_step(write_calls(counts)).calls == counts


def test_counting_loads_nothing_beyond_msgspec_and_the_standard_library() -> None:
    code = (
        "import json, sys, msgspec; before = set(sys.modules); import shared.watch.hearing.calls; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    outside = {name for name in json.loads(done.stdout) if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in outside if not name.startswith("msgspec")} == {
        "shared",
        "shared.following",
        "shared.guids",
        "shared.spread",
        "shared.telemetry",
        "shared.watch",
        "shared.watch.hearing",
        "shared.watch.hearing.calls",
        "shared.watch.messages",
    }
    assert "asyncio" not in json.loads(done.stdout)


@pytest.mark.real
async def test_sums_show_what_was_refused_and_which_subscriptions_nobody_recorded(known: Scene) -> None:
    kept = await recall(known.watch)
    assert kept
    first, second = AT, AT + MINUTE
    ours, strange = kept.records[0].id, gid(9)
    assert await calls.recall(known.watch) is None
    await calls.take(
        known.watch,
        CallCounts(classes={"forged": Seen(2, first)}, subscriptions={ours: Seen(4, first)}),
    )
    await calls.take(
        known.watch,
        CallCounts(
            classes={"forged": Seen(1, second), "previous_secret": Seen(1, first)},
            subscriptions={ours: Seen(1, second), strange: Seen(3, second), "": Seen(1, first)},
        ),
    )
    sums = await calls.recall(known.watch)
    assert sums
    assert sums.counts == {
        "forged": Seen(3, second),
        "previous_secret": Seen(1, first),
        UNKNOWN: Seen(4, second),
    }
    assert sums.subscriptions == {ours: Seen(5, second)}
    assert sums.last("previous_secret") == first
    assert sums.last("foreign") is None
    shown = (await health.look(known.watch)).detail()["calls"]
    assert shown["forged"] == {"n": 3, "last": "2026-11-22T12:01:00Z"}
    assert shown["subscriptions"] == {ours: {"n": 5, "last": "2026-11-22T12:01:00Z"}}


@pytest.mark.real
async def test_processes_that_tell_at_the_same_time_lose_none_of_each_others_counts(known: Scene) -> None:
    await asyncio.gather(
        *(calls.take(known.watch, CallCounts(classes={"forged": Seen(1, AT)})) for _ in range(8))
    )
    sums = await calls.recall(known.watch)
    assert sums
    assert sums.counts["forged"].n == 8
