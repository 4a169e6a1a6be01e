"""What the notification path hands on and answers, and what it may cost."""

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from shared.graph.notifications import handshake, lifecycle_messages, messages
from tests.graph.stub_graph import AT, oid
from tests.graph.test_notifications import SUBSCRIPTION, change, lifecycle, parse

ROOT = Path(__file__).resolve().parents[2]


def test_messages_carry_at_most_four_hundred_ids_and_users_apart_from_groups() -> None:
    users = [change(oid(number)) for number in range(801)]
    call = parse(*users, change(oid(1, "b"), "Group"))
    texts = [json.loads(text) for text in messages(call, AT)]
    assert [len(text.get("users", ())) for text in texts] == [400, 400, 1, 0]
    assert sorted(user for text in texts for user in text.get("users", ())) == [
        oid(number) for number in range(801)
    ]
    assert texts[3] == {"groups": [oid(1, "b")], "look": 1, "at": "2026-11-22T12:00:00.000Z"}
    assert set(texts[0]) == {"users", "look", "at"}


def test_a_message_fits_into_a_storage_queue_when_encoded() -> None:
    changed = parse(*(change(oid(number)) for number in range(400)))
    events = parse(*(lifecycle(subscriptionId=oid(number), lifecycleEvent="x" * 64) for number in range(200)))
    texts = messages(changed, AT) + lifecycle_messages(events, AT)
    assert max(len(text) for text in texts) * 4 / 3 < 64 * 1024


def test_lifecycle_events_go_on_in_messages_of_their_own() -> None:
    call = parse(lifecycle())
    assert messages(call, AT) == []
    assert [json.loads(text) for text in lifecycle_messages(call, AT)] == [
        {
            "lifecycle": [{"subscription": SUBSCRIPTION, "event": "reauthorizationRequired"}],
            "at": "2026-11-22T12:00:00.000Z",
        }
    ]


def test_nothing_to_say_is_no_message() -> None:
    assert messages(parse(), AT) == lifecycle_messages(parse(), AT) == []


def test_the_time_of_a_message_is_utc() -> None:
    east = datetime(2026, 11, 22, 14, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=2)))
    assert json.loads(messages(parse(change()), east)[0])["at"] == "2026-11-22T12:00:00.123Z"


# --- handshake ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["Validation: Testing client application", "<b>&amp;%20+", "é", "x" * 4096])
def test_a_token_goes_back_as_given_and_as_plain_text(token: str) -> None:
    answer = handshake(token)
    assert (answer.status, answer.body) == (200, token)
    assert answer.headers == {
        "Content-Type": "text/plain; charset=utf-8",
        "X-Content-Type-Options": "nosniff",
    }


@pytest.mark.parametrize("token", ["", "x" * 4097, "é" * 2049], ids=["empty", "long", "long-in-bytes"])
def test_an_empty_or_endless_token_is_refused_and_not_repeated(token: str) -> None:
    answer = handshake(token)
    assert (answer.status, answer.body) == (400, "")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


# --- budget -------------------------------------------------------------------------------------------------

RACE = """
import json, time
from datetime import UTC, datetime
from shared.graph.notifications import lifecycle_messages, messages, parse_call
from tests.graph.test_notifications import SECRET, TENANT, change
from tests.graph.stub_graph import oid
body = json.dumps({"value": [change(oid(number)) for number in range(1000)]}).encode()
def ours():
    call = parse_call(body, TENANT, (SECRET, "another"))
    return messages(call, datetime.now(UTC)) + lifecycle_messages(call, datetime.now(UTC))
def best(function):
    times = []
    for _ in range(15):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return sorted(times)[len(times) // 2]
print(best(ours) / best(lambda: json.loads(body)))
"""


def test_a_thousand_notifications_cost_less_than_four_readings_of_their_json() -> None:
    done = subprocess.run([sys.executable, "-c", RACE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 4
