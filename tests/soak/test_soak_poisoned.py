"""Messages that were put aside: the cause is what the log says, and the code's own faults are no weather."""

import json

import pytest

from sandbox.stage import APP
from tests.soak.poisoned import TRIES, WORKED_BY, PutAside, put_aside
from tests.soak.schedule import PROCESSES

FAILED = "x WARNING sandbox.host: Message m1 of changed-users failed, try"
MOVED = "x ERROR   sandbox.host: Message m1 moved to queue changed-users-poison"
UNEXPLAINED = "x ERROR   sandbox.host: Message m2 moved to queue sweeps-poison"


def test_the_cause_of_a_message_is_how_its_last_try_failed() -> None:
    log = [f"{FAILED} 4: first", f"{FAILED} 5: Incomplete('1 x 503')", MOVED]
    (known,) = put_aside(log, {})
    assert known == PutAside("changed-users-poison", "m1", "Incomplete('1 x 503')")
    assert known.excused


@pytest.mark.parametrize(
    ("kills", "excused"),
    [
        ({}, False),
        ({"sweep": TRIES - 1}, False),
        ({"sweep": TRIES}, True),
        ({"evaluate": 50, "http": 50, "timers": 50}, False),
    ],
)
def test_kills_explain_a_message_without_a_failed_try_only_if_there_were_enough_of_its_own_process(
    kills: dict[str, int], excused: bool
) -> None:
    assert [one.excused for one in put_aside([UNEXPLAINED], kills)] == [excused]


@pytest.mark.parametrize(
    ("error", "excused"),
    [
        ("KeyError('user')", False),
        ("TypeError(\"'NoneType' object is not iterable\")", False),
        ("ValidationError('Expected `str`, got `null` - at `$.id`')", False),
        ("ServiceRequestError('Connection aborted.')", True),
        ("HttpResponseError('Operation returned an invalid status OperationTimedOut')", True),
        ("the function took longer than functionTimeout (1800 s)", True),
    ],
)
def test_a_fault_of_the_code_is_no_cause_that_the_weather_explains(error: str, excused: bool) -> None:
    assert [one.excused for one in put_aside([f"{FAILED} 5: {error}", MOVED], {"evaluate": 9})] == [excused]


def test_a_message_that_nobody_can_read_is_no_weather_either() -> None:
    log = ["x ERROR   sandbox.host: Message m1 of changed-users isn't base64 text: moved to poison", MOVED]
    assert [one.excused for one in put_aside(log, {})] == [False]


def test_tries_and_processes_are_those_of_the_app() -> None:
    host = json.loads((APP / "host.json").read_text("utf-8"))
    assert host["extensions"]["queues"]["maxDequeueCount"] == TRIES
    assert set(WORKED_BY.values()) <= set(PROCESSES)
