"""A soak in which something did not come about, or in which a process died by itself, says so."""

import random
from collections import Counter

import msgspec
import pytest

from sandbox.graph.faults import Fault, Faults
from sandbox.graph.rates import Rates
from tests.soak.befallen import (
    LATEST,
    OF_GRAPH,
    OF_NOTIFICATIONS,
    OF_STORAGE,
    Befallen,
    died,
    missing,
)
from tests.soak.schedule import KINDS, Kill
from tests.soak.weather import RECEIVERS, Sky

KILLS = (Kill(1, "http"), Kill(2, "timers"), Kill(3, "http"))
ALL = Befallen(
    storage=dict.fromkeys(OF_STORAGE, 1),
    graph=dict.fromkeys(OF_GRAPH, 1),
    receivers={one.name: 1 for _, one in RECEIVERS},
    notifications=dict.fromkeys(OF_NOTIFICATIONS, 1),
    done=dict.fromkeys(KINDS, 1),
    killed={"http": 2, "timers": 1},
    late=LATEST,
)


def test_where_all_came_about_nothing_is_missing() -> None:
    assert missing(ALL, KILLS) == ()
    assert OF_STORAGE == ("refuse", "stale", "taken", "lose", "hang")


@pytest.mark.parametrize("field", ["storage", "graph", "receivers", "notifications", "done"])
def test_each_thing_that_never_came_about_is_missing(field: str) -> None:
    for name in getattr(ALL, field):
        for met in ({**getattr(ALL, field), name: 0}, {}):
            found = missing(msgspec.structs.replace(ALL, **{field: met}), KILLS)
            assert any(one.endswith(f": {name}") for one in found), (field, name)


def test_a_kill_that_never_came_and_changes_far_behind_their_time_are_missing() -> None:
    assert missing(msgspec.structs.replace(ALL, killed={"http": 1}), KILLS) == (
        "kills: 1 of http",
        "kills: 1 of timers",
    )
    assert missing(msgspec.structs.replace(ALL, late=LATEST + 1), KILLS) == (
        "changes in time: they came up to 31 s late",
    )


def test_a_process_that_began_oftener_than_it_was_killed_died_by_itself() -> None:
    assert died({"http": 3, "timers": 2, "sweep": 1}, {"http": 2}) == {"timers": 1}


def test_the_simulator_counts_each_fault_that_a_call_met_and_no_other() -> None:
    faults = Faults(random.Random(1))
    faults.put(Fault(kind="delay", count=2))
    faults.put(Fault(kind="status", status=429, path="/nobody"))
    for _ in range(3):
        faults.take("GET", "/users", item=False)
    troubled = Rates(fault_rate=0.5, fault_kinds=("503", "hang", "gone"))
    for _ in range(200):
        faults.draw(troubled, "/users", {}, item=False)
    assert faults.met["delay"] == 2
    assert faults.met.keys() == {"delay", "503", "hang"}


def test_receivers_meet_each_misfortune_once_before_one_comes_again() -> None:
    sky = object.__new__(Sky)
    sky._dice = random.Random("receivers 1")
    sky._receivers_storm, sky.met = True, Counter()
    posts = 0
    while sky.met.total() < len(RECEIVERS):
        sky.luck()
        posts += 1
    assert set(sky.met.values()) == {1}
    assert posts < 4 * len(RECEIVERS)
    drawn = [sky.luck() for _ in range(2000)]
    assert 0.2 < drawn.count(None) / 2000 < 0.3
    assert 0.25 < sum(one is not None and one.status == 429 for one in drawn) / 2000 < 0.35
