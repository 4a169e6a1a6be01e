"""Whether what a soak is about came about at all: a promise kept in calm weather says nothing. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from tests.soak.schedule import KINDS, Kill
from tests.soak.storage_front import Weather
from tests.soak.weather import RECEIVERS

LATEST = 30.0
"""Seconds that a change may come behind its time: beyond these it is no longer so many a second."""
OF_STORAGE = tuple(name for name in Weather.__struct_fields__ if name not in ("ahead", "seed"))
OF_GRAPH = ("429", "503", "504", "delay", "hang", "reset", "lost-answer", "truncate")
OF_NOTIFICATIONS = ("lost", "duplicated", "late", "reordered")


class Befallen(msgspec.Struct, frozen=True, kw_only=True):
    """How often what was met with: by storage, Graph, receivers and notifications; `done`: changes by kind.

    `killed`: processes by name. `late`: seconds that changes came behind their time at most.
    """

    storage: Mapping[str, int]
    graph: Mapping[str, int]
    receivers: Mapping[str, int]
    notifications: Mapping[str, int]
    done: Mapping[str, int]
    killed: Mapping[str, int]
    late: float


def missing(befell: Befallen, planned: Iterable[Kill]) -> tuple[str, ...]:
    """What should have come about and did not."""
    wanted = {
        "storage": (OF_STORAGE, befell.storage),
        "Graph": (OF_GRAPH, befell.graph),
        "receivers": ([one.name for _, one in RECEIVERS], befell.receivers),
        "notifications": (OF_NOTIFICATIONS, befell.notifications),
        "changes": (KINDS, befell.done),
    }
    found = [f"{of}: {name}" for of, (names, met) in wanted.items() for name in names if not met.get(name)]
    left = dict(befell.killed)
    for kill in planned:
        left[kill.process] = left.get(kill.process, 0) - 1
    found += [f"kills: {-count} of {name}" for name, count in left.items() if count < 0]
    if befell.late > LATEST:
        found.append(f"changes in time: they came up to {befell.late:.0f} s late")
    return tuple(found)


def died(started: Mapping[str, int], killed: Mapping[str, int]) -> dict[str, int]:
    """How often a process ended without being killed: whatever began anew more often than that."""
    again = {name: count - 1 - killed.get(name, 0) for name, count in started.items()}
    return {name: count for name, count in again.items() if count > 0}
