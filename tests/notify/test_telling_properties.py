"""What holds for every history: random lines, runs, crashes, failing routes, administrators (hypothesis)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.model import Moment
from shared.notify.deciding.decide import decide
from shared.notify.deciding.routing import DEFAULT
from shared.notify.deciding.scene import Reading, Telling
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import ENDED, HEARD_BY, REMINDER, Message
from shared.notify.table import Table, apply
from tests.notify.story import START, TENANT, Story, line, second

USERS = ("a", "b", "c", "d", "e", "f", "g")
CROWD = tuple(f"n{number:02}" for number in range(12))
"""More than the brake lets through at once in a tenant of a hundred users."""
CAUSE = "cause"
STATES = ("uncovered", "writeback-uncovered")
PERHAPS_ENDED = "ended, perhaps"

Action = tuple[str, str]

actions = st.lists(
    st.one_of(
        st.tuples(st.just("toggle"), st.sampled_from((*USERS, CAUSE))),
        st.tuples(st.just("change"), st.sampled_from(USERS)),
        st.tuples(st.just("wait"), st.sampled_from(("30", "60", "600", "1000", "700000"))),
        st.tuples(st.just("run"), st.sampled_from(("", "", "sent", "offered", "midway"))),
        st.tuples(st.just("route"), st.sampled_from(("ok", "ok", "refuses", "loses", "throttles"))),
        st.tuples(st.just("crowd"), st.just("toggle")),
        st.tuples(st.just("except"), st.sampled_from(USERS[:3])),
        st.tuples(st.just("end"), st.sampled_from(USERS[:3])),
        st.tuples(st.just("brake"), st.sampled_from(("read", "release", "discard"))),
        st.tuples(st.just("setting"), st.sampled_from(("on", "off"))),
    ),
    max_size=60,
)


def exception_for(what: str, since: float) -> Exemption:
    """A month's exception for the user of a finding."""
    return Exemption(
        id=what,
        owner="Ada",
        reason="on leave",
        created_at=second(since),
        until=second(since + 30 * 86_400),
        subject_type="user",
        subject_id=f"user-{what}",
    )


class History:
    """Plays actions, keeps the truth, and what people heard or may have heard."""

    def __init__(self, script: Sequence[Action], excepting: bool = True) -> None:
        self.story = Story(Telling(), route=self._post, users=100)
        self.now = 0.0
        self.open: dict[str, str] = {}
        self.count: dict[str, int] = {}
        self.believed: dict[str, str] = {}
        self.unfounded: list[str] = []
        self.muted_and_told: list[str] = []
        self.repeated: list[str] = []
        self.unreasoned: list[str] = []
        self.perhaps: set[str] = set()
        self.unknowable: set[str] = set()
        self.discarded: set[str] = set()
        self._excepting = excepting
        self._route = "ok"
        self._crash = ""
        for action, what in script:
            self._act(action, what)

    def _act(self, action: str, what: str) -> None:
        match action:
            case "wait":
                self.now += float(what)
            case "route":
                self._route = what
            case "run":
                self._crash = what
                self.run()
            case "crowd":
                for one in CROWD:
                    self._toggle(one)
            case "toggle":
                self._toggle(what)
            case "change" if what in self.open:
                self.open[what] = STATES[1 - STATES.index(self.open[what])]
                self.story.changes(self.now, what, reopened=self.count[what], **self._fields(what))
            case "except" | "end" | "brake" | "setting":
                self._administers(action, what)

    def _toggle(self, what: str) -> None:
        if what in self.open:
            self.story.resolves(self.now, what, **self._fields(what))
            del self.open[what]
            return
        self.open[what] = "missing" if what == CAUSE else STATES[0]
        self.count[what] = self.count.get(what, -1) + 1
        self.story.opens(self.now, what, reopened=self.count[what], **self._fields(what))

    def _administers(self, action: str, what: str) -> None:
        story, now = self.story, second(self.now)
        others = tuple(one for one in story.exemptions if one.id != what)
        if action == "except" and self._excepting:
            story.exemptions = (*others, exception_for(what, self.now))
        elif action == "end":
            ended = [msgspec.structs.replace(one, ended_at=now) for one in story.exemptions if one.id == what]
            story.exemptions = (*others, *ended)
        elif action == "setting":
            story.choices = {**story.choices, "writeback": what}
        elif what == "read":
            story.reading = Reading(started_at=now, ended_at=now)
        elif action == "brake":
            story.release_at(self.now, discard=what == "discard")

    def _fields(self, what: str) -> dict[str, Any]:
        state = self.open[what]
        if what == CAUSE:
            return {"kind": "no-licence", "state": state, "subject_type": "tenant", "subject": TENANT}
        return {"state": state}

    def run(self) -> None:
        """One run, and what must hold of each."""
        self.now += 1
        self.story.runs(self.now, crash=self._crash)
        decision = self.story.decision
        # The story remembers what was decided whatever crashed after that.
        self.discarded.update(decision.discarded)
        if self._crash:
            # It was noted that they may hear of it; nobody is left to note that they did not.
            self.unknowable.update(item.entry.id for one in decision.messages for item in one.items)
        spoken = [
            item.entry.id
            for message in decision.messages
            if message.form in HEARD_BY
            for item in message.items
        ]
        accounted = [*spoken, *decision.standing[DEFAULT]]
        if sorted(accounted) != sorted(decision.table.entries):
            self.unreasoned.append(f"{self.now}: {sorted(accounted)} of {sorted(decision.table.entries)}")
        for message in decision.messages:
            for item in message.items:
                user = item.entry.id != CAUSE and item.moment is not Moment.RESOLVED
                if user and CAUSE in self.open and message.form in HEARD_BY:
                    self.muted_and_told.append(item.entry.id)

    def _post(self, message: Message, at: datetime) -> Delivered | Failed:
        if self._crash:
            # Whatever the answer was, nobody is left to remember it.
            self.perhaps.update(item.entry.id for item in message.items)
        if message.form in HEARD_BY and self._route not in ("refuses", "throttles"):
            for item in message.items:
                self._hears(message, item.entry.id, item.entry.state, over=item.moment is Moment.RESOLVED)
        return self._answer()

    def _answer(self) -> Delivered | Failed:
        match self._route:
            case "refuses":
                return Failed(status="http-400")
            case "throttles":
                return Failed(status="http-429", retry_after=timedelta(seconds=90))
            case "loses":
                return Failed(status="timeout", certain=False)
        return Delivered()

    def _hears(self, message: Message, one: str, state: str, *, over: bool) -> None:
        uncertain = bool(self._crash) or self._route == "loses"
        if over:
            if one not in self.believed and one not in self.unknowable | self.discarded:
                self.unfounded.append(one)
            self.believed.pop(one, None)
            if uncertain:
                # Whether the end was remembered is not known: it may be told again.
                self.believed[one] = PERHAPS_ENDED
        else:
            known = self.believed.get(one) == state
            if message.form == REMINDER and not known and one not in self.unknowable | self.discarded:
                self.unfounded.append(one)
            elif message.form not in (REMINDER, ENDED) and known and one not in self.perhaps:
                self.repeated.append(one)
            self.believed[one] = state
        (self.perhaps.add if uncertain else self.perhaps.discard)(one)

    def comes_to_rest(self) -> None:
        """Everything works again for a long time, and no exception is in force."""
        self._route, self._crash = "ok", ""
        for one in USERS[:3]:
            self._administers("end", one)
        for _ in range(12):
            self.now += 100_000
            self.run()
            self._administers("brake", "read")


@settings(max_examples=300)
@given(actions)
def test_every_finding_is_told_or_has_a_named_reason(script: list[Action]) -> None:
    assert not History(script).unreasoned


@settings(max_examples=300)
@given(actions)
@example([("toggle", "cause"), ("run", "offered"), ("toggle", "cause")])
@example([("crowd", "toggle"), ("run", ""), ("brake", "discard"), ("run", "sent")])
def test_an_end_or_a_reminder_is_told_only_of_what_people_may_have_heard(script: list[Action]) -> None:
    history = History(script)
    history.comes_to_rest()
    assert not history.unfounded


@settings(max_examples=300)
@given(actions)
def test_no_symptom_is_told_while_its_cause_is_open(script: list[Action]) -> None:
    history = History(script)
    history.comes_to_rest()
    assert not history.muted_and_told


@settings(max_examples=300)
@given(actions)
@example(
    [
        ("toggle", "a"),
        ("wait", "1000"),
        ("run", ""),
        ("route", "refuses"),
        ("toggle", "a"),
        ("wait", "60"),
        ("run", "sent"),
        ("toggle", "a"),
    ]
)
def test_nothing_is_told_twice_unless_an_answer_was_lost_or_it_is_a_reminder(script: list[Action]) -> None:
    history = History(script)
    history.comes_to_rest()
    assert not history.repeated


@settings(max_examples=500)
@given(actions)
def test_in_the_end_people_believe_what_is_so_whatever_crashed_or_failed(script: list[Action]) -> None:
    history = History(script)
    history.comes_to_rest()
    believed = {
        one: state
        for one, state in history.believed.items()
        if state != PERHAPS_ENDED and one not in history.discarded
    }
    so = {one: state for one, state in history.open.items() if one not in history.discarded}
    if CAUSE in history.open:
        # What was never told stays muted, a change waits; but nobody believes in what is over.
        assert set(believed) <= set(so)
        assert believed[CAUSE] == "missing"
    else:
        assert believed == so


@settings(max_examples=300)
@given(actions)
def test_exceptions_change_the_telling_and_nothing_that_is_known(script: list[Action]) -> None:
    excepted, plain = History(script), History(script, excepting=False)
    excepted.comes_to_rest()
    plain.comes_to_rest()
    assert standing(excepted) == standing(plain)
    assert excepted.open == plain.open


def standing(history: History) -> dict[str, tuple[str, str, datetime]]:
    """The open findings as the notifier knows them, without what people were told."""
    entries = history.story.table.entries.values()
    return {one.id: (one.state, one.fingerprint, one.since) for one in entries if one.open}


@settings(max_examples=300)
@given(actions)
@example([("toggle", "a"), ("wait", "1000"), ("route", "refuses"), ("run", ""), ("toggle", "cause")])
def test_at_rest_the_table_remembers_nothing_that_is_over(script: list[Action]) -> None:
    history = History(script)
    history.comes_to_rest()
    table = history.story.table
    assert all(one.open for one in table.entries.values())
    assert not table.brakes
    assert table.declared is None
    assert not table.exemptions
    assert not table.handovers


@settings(max_examples=100)
@given(st.lists(st.sampled_from(("opened", "changed", "resolved")), max_size=12), st.data())
def test_reading_a_journal_in_parts_or_twice_is_reading_it_once(
    moments: list[str], data: st.DataObject
) -> None:
    blobs = [
        (number, [line(number, number, Moment(moment), "x", fingerprint=str(number % 3))])
        for number, moment in enumerate(moments, start=1)
    ]
    once = apply(Table(), "0000", blobs, START)
    table, done = Table(), 0
    while done < len(blobs):
        back = data.draw(st.integers(0, done))
        done = data.draw(st.integers(done + 1, len(blobs)))
        table = apply(table, "0000", blobs[back:done], START)
    assert table == once
    start = data.draw(st.integers(0, len(blobs)))
    assert apply(once, "0000", blobs[start : data.draw(st.integers(start, len(blobs)))], START) is once


def test_deciding_twice_without_sending_decides_the_same() -> None:
    story = Story()
    for name in "abcdefgh":
        story.opens(0, name)
    story.runs(900)
    first = decide(story.table, story.mutes, story.telling, story.scene(second(960)))
    again = decide(first.table, story.mutes, story.telling, story.scene(second(960)))
    assert again == first
