"""What holds for every history: random lines, runs, crashes and failing routes (hypothesis)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.model import Moment
from shared.notify.decide import decide
from shared.notify.messages import HEARD_BY, REMINDER, Message
from shared.notify.routes import Delivered, Failed
from shared.notify.routing import DEFAULT
from shared.notify.table import Table, apply
from tests.notify.story import RULES, TENANT, Story, line, second

USERS = ("a", "b", "c", "d", "e", "f", "g")
CAUSE = "cause"
STATES = ("uncovered", "writeback-uncovered")
LAST = 10**6

Action = tuple[str, str]

actions = st.lists(
    st.one_of(
        st.tuples(st.just("toggle"), st.sampled_from((*USERS, CAUSE))),
        st.tuples(st.just("change"), st.sampled_from(USERS)),
        st.tuples(st.just("wait"), st.sampled_from(("30", "60", "600", "1000"))),
        st.tuples(st.just("run"), st.sampled_from(("", "crash"))),
        st.tuples(st.just("route"), st.sampled_from(("ok", "ok", "refuses", "loses", "throttles"))),
    ),
    max_size=60,
)


class History:
    """Plays actions, keeps the truth, and what people heard or may have heard."""

    def __init__(self, script: Sequence[Action], mutes: bool = True) -> None:
        self.story = Story(mutes=RULES.mutes if mutes else (), route=self._post)
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
        self._route = "ok"
        self._crash = False
        for action, what in script:
            self._act(action, what)

    def _act(self, action: str, what: str) -> None:
        if action == "wait":
            self.now += float(what)
        elif action == "route":
            self._route = what
        elif action == "run":
            self._crash = what == "crash"
            self.run()
        elif action == "toggle" and what in self.open:
            self.story.resolves(self.now, what, **self._fields(what))
            del self.open[what]
        elif action == "toggle":
            self.open[what] = "missing" if what == CAUSE else STATES[0]
            self.count[what] = self.count.get(what, -1) + 1
            self.story.opens(self.now, what, reopened=self.count[what], **self._fields(what))
        elif what in self.open:
            self.open[what] = STATES[1 - STATES.index(self.open[what])]
            self.story.changes(self.now, what, reopened=self.count[what], **self._fields(what))

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
                user = item.entry.id in USERS and item.moment is not Moment.RESOLVED
                if user and CAUSE in self.open and self.story.mutes:
                    self.muted_and_told.append(item.entry.id)

    def _post(self, message: Message, at: datetime) -> Delivered | Failed:
        if self._crash:
            # Whatever the answer was, nobody is left to remember it.
            self.unknowable.update(item.entry.id for item in message.items)
            self.perhaps.update(item.entry.id for item in message.items)
        if self._route == "refuses":
            return Failed(status="http-400")
        if self._route == "throttles":
            return Failed(status="http-429", retry_after=timedelta(seconds=90))
        for item in message.items:
            one, entry = item.entry.id, item.entry
            if message.form == REMINDER:
                if self.believed.get(one) != entry.state and one not in self.unknowable:
                    self.unfounded.append(one)
                continue
            if item.moment is Moment.RESOLVED:
                if one not in self.believed and one not in self.unknowable:
                    self.unfounded.append(one)
                self.believed.pop(one, None)
                if self._uncertain():
                    # Whether the end was remembered is not known: it may be told again.
                    self.believed[one] = "ended, perhaps"
            else:
                if self.believed.get(one) == entry.state and one not in self.perhaps:
                    self.repeated.append(one)
                self.believed[one] = entry.state
            (self.perhaps.add if self._uncertain() else self.perhaps.discard)(one)
        return Failed(status="timeout", certain=False) if self._route == "loses" else Delivered()

    def _uncertain(self) -> bool:
        return self._crash or self._route == "loses"

    def comes_to_rest(self) -> None:
        """Everything works again for a long time."""
        self._route, self._crash = "ok", False
        for _ in range(8):
            self.now += 100_000
            self.run()


@settings(max_examples=300, deadline=None)
@given(actions)
def test_every_finding_is_told_or_has_a_named_reason(script: list[Action]) -> None:
    assert not History(script).unreasoned


@settings(max_examples=300, deadline=None)
@given(actions)
def test_an_end_is_told_only_of_what_people_may_have_heard(script: list[Action]) -> None:
    history = History(script)
    history.comes_to_rest()
    assert not history.unfounded


@settings(max_examples=300, deadline=None)
@given(actions)
def test_no_symptom_is_told_while_its_cause_is_open(script: list[Action]) -> None:
    history = History(script)
    history.comes_to_rest()
    assert not history.muted_and_told


@settings(max_examples=300, deadline=None)
@given(actions)
@example(
    [
        ("toggle", "a"),
        ("wait", "1000"),
        ("run", ""),
        ("route", "refuses"),
        ("toggle", "a"),
        ("wait", "60"),
        ("run", "crash"),
        ("toggle", "a"),
    ]
)
def test_nothing_is_told_twice_unless_an_answer_was_lost(script: list[Action]) -> None:
    history = History(script)
    history.comes_to_rest()
    assert not history.repeated


@settings(max_examples=300, deadline=None)
@given(actions)
def test_in_the_end_people_believe_what_is_so(script: list[Action]) -> None:
    history = History(script)
    history.comes_to_rest()
    muted = CAUSE in history.open
    believed = {one: state for one, state in history.believed.items() if state != "ended, perhaps"}
    if muted:
        # What was never told stays muted, a change waits; but nobody believes in what is over.
        assert set(believed) <= set(history.open)
        assert believed[CAUSE] == "missing"
    else:
        assert believed == history.open


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(("opened", "changed", "resolved")), max_size=12), st.data())
def test_reading_a_journal_in_parts_or_twice_is_reading_it_once(
    moments: list[str], data: st.DataObject
) -> None:
    blobs = [
        (number, [line(number, number, Moment(moment), "x", fingerprint=str(number % 3))])
        for number, moment in enumerate(moments, start=1)
    ]
    once = apply(Table(), "0000", blobs)
    table, done = Table(), 0
    while done < len(blobs):
        back = data.draw(st.integers(0, done))
        done = data.draw(st.integers(done + 1, len(blobs)))
        table = apply(table, "0000", blobs[back:done])
    assert table == once
    start = data.draw(st.integers(0, len(blobs)))
    assert apply(once, "0000", blobs[start : data.draw(st.integers(start, len(blobs)))]) is once


def test_deciding_twice_without_sending_decides_the_same() -> None:
    story = Story()
    for name in "abcdefgh":
        story.opens(0, name)
    story.runs(900)
    first = decide(story.table, story.mutes, story.telling, story.scene(second(960)))
    again = decide(first.table, story.mutes, story.telling, story.scene(second(960)))
    assert again == first
