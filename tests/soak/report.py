"""What came of a soak: each promise kept or not, the figures beside it, for people and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from benchmarks.machine import Machine, headed, lasted
from tests.soak.handed import Handed
from tests.soak.measuring import Latencies
from tests.soak.oracle import SHOWN, Judged
from tests.soak.poisoned import PutAside

SLOPE = 1.0
"""MB a minute, of all processes of the app together, in the segment without kills."""
SHORTEST = 300.0
"""Seconds of a segment from which on it has all weather in it, and a slope tells something."""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What a process used: CPU seconds and their share of one core over the soak, MB at the end and at most,
    MB a minute in segment two. `started`: how often a process of that name began."""

    name: str
    cpu: float
    share: float
    mb: float
    most: float
    slope: float
    started: int = 1

    @property
    def is_app(self) -> bool:
        """Whether it is part of the watch."""
        return self.name.startswith("app: ") and "supervisor" not in self.name


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a soak found. Times in seconds.

    `changes` by kind, `left_out` those that suited nobody, `late` how far they fell behind at most; `storms`
    how often of each, `met` what befell storage, Graph and receivers, `missing` what of all this never came
    about. `died`: how often processes ended that nobody killed. `notifications`: the simulator's tally.
    `left`: what still waited when the time to drain was over. `silent`: findings that are not told now, by
    reason. `unknown_silence`: reasons of these that nobody may be silent for at the end.
    """

    command: str
    machine: Machine
    seed: int
    users: int
    segment: float
    seconds: float
    baseline: float
    drained: float
    changes: Mapping[str, int]
    left_out: int
    late: float
    storms: Mapping[str, int]
    met: Mapping[str, int]
    missing: Sequence[str]
    kills: Mapping[str, int]
    died: Mapping[str, int]
    notifications: Mapping[str, int]
    modes: Sequence[str]
    left: str
    forwarded: bool
    settings: Mapping[str, str]
    judged: Judged
    handed: Handed
    put_aside: Sequence[PutAside]
    latencies: Latencies
    lag: Mapping[str, float]
    uses: Sequence[Use]
    silent: Mapping[str, int]
    unknown_silence: Sequence[str]
    failures: Mapping[str, int]

    @property
    def tells(self) -> bool:
        """Whether the segments were long enough for all weather to come about, and for growth to be told from
        settling in."""
        return self.segment >= SHORTEST

    @property
    def slope(self) -> float:
        """MB a minute of the app as a whole."""
        return sum(one.slope for one in self.uses if one.is_app)


class Promise(msgspec.Struct, frozen=True):
    """One promise: what, what was measured, whether it holds."""

    what: str
    measured: str
    kept: bool


def promises(found: Found) -> list[Promise]:
    """Every promise of a soak."""
    unexcused = [one for one in found.put_aside if not one.excused]
    times, delivery = found.latencies, found.notifications
    judged, given = found.judged, found.handed
    repeats = f"{len(given.repeats)} cards and events came twice, at most {sum(given.allowed.values())} may"
    short = "" if found.tells or not found.missing else "; too short to have it all"
    return [
        Promise(
            "each kind of change, kill and bad weather came about",
            f"missing: {', '.join(found.missing) or 'nothing'}{short}",
            not found.missing or not found.tells,
        ),
        Promise(
            "no process ended but those that were killed",
            _listed(found.died) or "none did",
            not found.died,
        ),
        Promise("nothing waits at the end", found.left or "nothing", not found.left),
        Promise(
            "the ledger says of every user what the independent judge says",
            f"{len(judged.lost)} differences of {judged.users:,} users",
            not judged.lost,
        ),
        Promise(
            "the journal has no hole, and replayed gives the ledger's findings",
            f"{len(judged.holes)} faults; {judged.lines:,} lines, {judged.findings:,} open findings",
            not judged.holes,
        ),
        Promise(
            "the notifier knows every open finding, and what counts as told was handed over",
            f"{len(given.lost)} lost; {_by_route(given.sent)} sent, {_by_route(given.taken)} taken",
            not given.lost,
        ),
        Promise(
            "whatever is not told has a reason that may last",
            ", ".join(found.unknown_silence) or f"{sum(found.silent.values()):,} findings with one",
            not found.unknown_silence,
        ),
        Promise("each repeat has its cause", f"{len(given.unexplained)} have none", not given.unexplained),
        Promise("no more repeats than kills and ambiguous posts", repeats, given.within),
        Promise(
            "whatever was put aside has a named cause, and it is the weather",
            f"{len(found.put_aside)} messages put aside, {len(unexcused)} without such a cause",
            not unexcused,
        ),
        Promise(
            "Graph never treats the endpoint as slow",
            f"{', '.join(found.modes)}; {delivery['delayed']} delayed, {delivery['dropped']} dropped",
            not (set(found.modes) - {"well"} or delivery["delayed"] or delivery["dropped"]),
        ),
        Promise(
            "99.9 % of the calls answered in 3 s outside kill windows",
            f"{times.p999:.2f} s at 99.9 %; {times.slow} of {times.answers:,} were slower than 3 s, "
            f"{times.unreached_outside} calls found nobody",
            times.good,
        ),
        Promise(
            f"memory grows by at most {SLOPE:g} MB a minute without kills, once warm",
            f"{found.slope:+.2f} MB a minute{'' if found.tells else ', too short to tell'}",
            found.slope <= SLOPE or not found.tells,
        ),
    ]


def markdown(found: Found) -> str:
    """The section of docs/measurements.md."""
    held = promises(found)
    times = found.latencies
    lines = [
        headed(found.command, found.seconds, found.machine),
        "",
        f"{found.users:,} users; {lasted(found.segment)} with kills, {lasted(found.segment)} without; "
        f"{sum(found.changes.values()):,} changes, at most {found.late:.1f} s behind their time "
        f"({found.left_out:,} suited nobody); {sum(found.kills.values())} kills; seed {found.seed}. "
        + _calm(found),
        "",
        "| promise | measured | |",
        "|---|---|---|",
        *(f"| {one.what} | {one.measured} | {'ok' if one.kept else '**broken**'} |" for one in held),
        "",
        f"Answers to Graph outside kill windows: median {times.p50 * 1000:.0f} ms, 99 % {times.p99:.2f} s, "
        f"99.9 % {times.p999:.2f} s, worst {times.worst:.2f} s; {times.refused} of them in time but not 2xx, "
        f"so that Graph sent the call again. {times.inside} answers fell into kill "
        f"windows ({times.slow_inside} slow), {times.unreached} calls found nobody "
        f"({times.unreached_outside} outside of them). The simulator itself came round up to "
        f"{found.lag['worst']:.2f} s late (99 %: "
        f"{found.lag['p99']:.2f} s), which is in these figures.",
        "",
        "| process | CPU s | of one core | MB at the end | at most | MB a minute | started |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.cpu:.0f} | {one.share:.0%} | {one.mb:.0f} | {one.most:.0f} | "
            f"{one.slope:+.2f} | {one.started} |"
            for one in found.uses
        ),
        "",
        f"Befell: {_listed(found.met)}. Storms: {_listed(found.storms)}. Notifications: "
        f"{_listed(found.notifications)}.",
    ]
    if found.handed.repeats:
        lines += ["", "Came twice:", ""]
        lines += [
            f"- {one.at:%H:%M:%S} {one.route}: {one.what} ({one.cause or 'nobody knows why'})"
            for one in found.handed.repeats[:SHOWN]
        ]
        lines += _more(found.handed.repeats)
    if found.put_aside:
        causes: dict[str, int] = {}
        for one in found.put_aside:
            causes[one.cause or "nobody knows why"] = causes.get(one.cause or "nobody knows why", 0) + 1
        lines += ["", "Put aside, and taken up again: " + _listed(causes) + "."]
    return "\n".join(lines)


def told(found: Found) -> str:
    """The whole report for a terminal: the same, with all that is wrong."""
    judged, given = found.judged, found.handed
    lines = [markdown(found)]
    for head, some in (
        ("Ledger and judge differ", judged.lost),
        ("The journal", judged.holes),
        ("Lost on the way to people", given.lost),
    ):
        if some:
            lines += ["", f"{head}:", *(f"- {one}" for one in some[:SHOWN]), *_more(some)]
    lines += [
        "",
        "Functions that failed, and messages that were tried again: "
        + (_listed(found.failures) or "none")
        + ".",
    ]
    lines += ["Not told now: " + (_listed(found.silent) or "nothing") + "."]
    lines += [f"Shorter than usual: {', '.join(f'{k}={v}' for k, v in found.settings.items())}."]
    broken = [one.what for one in promises(found) if not one.kept]
    lines += ["", f"BROKEN: {'; '.join(broken)}." if broken else "Every promise holds."]
    return "\n".join(lines)


def as_json(found: Found) -> bytes:
    """Everything, with the promises."""
    whole: dict[str, Any] = msgspec.to_builtins(found)
    whole["promises"] = msgspec.to_builtins(promises(found))
    whole["slope"] = found.slope
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def _calm(found: Found) -> str:
    after = lasted(found.drained)
    told = f"After {after} still waited: {found.left}" if found.left else f"Nothing waited after {after}"
    return told + (", the last hand-overs with the clock put forward." if found.forwarded else ".")


def _by_route(counts: Mapping[str, int]) -> str:
    return " and ".join(f"{count} on {route}" for route, count in counts.items())


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _more(some: Sequence[object]) -> list[str]:
    return [f"- and {len(some) - SHOWN} more"] if len(some) > SHOWN else []
