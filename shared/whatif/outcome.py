"""What a change would do: who would stand otherwise, counts before and after, and seats. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from shared.findings.licences import Licences
from shared.findings.making import TIER_NAMES
from shared.findings.seats import shortages
from shared.judgement import Judge
from shared.ledger.totals import KEEP_THEIR_SEATS, need_of
from shared.model import Facts, Sku, State, Totals, User, Verdict
from shared.report.figures import Need
from shared.rules.loader import Rules
from shared.snapshot.judging import judge_of
from shared.snapshot.lines import Head, Line, Reading
from shared.whatif.changes import Asked, Changes, understood
from shared.whatif.licences import held_by, with_held, without
from shared.whatif.scope import in_groups
from shared.whatif.seats import Dealt, Survey, newer
from shared.whatif.tenant import changed_head

SCHEMA = 1


class ChangedUser(Facts, frozen=True):
    """A user who would stand otherwise. `rule` and `cause` are those of the verdict to come.

    `plan_off`: covered only by licences of which the Entra plan is turned off for the user.
    """

    id: str
    upn: str
    name: str
    before: State = msgspec.field(name="from")
    after: State = msgspec.field(name="to")
    rule: str
    cause: str
    plan_off: bool = False


class Transition(Facts, frozen=True):
    """So many users go from one state to another."""

    before: State = msgspec.field(name="from")
    after: State = msgspec.field(name="to")
    users: int


class Side(Facts, frozen=True):
    """The tenant before or after. `states` names every state."""

    edition: str
    in_reach: int
    states: Mapping[State, int]
    needs: tuple[Need, ...]


class Seats(Facts, frozen=True):
    """One SKU on one side, in units. `tier`: what an active assignment certainly gives: p1, cloud, none."""

    tier: str
    usable: int
    consumed: int
    free: int
    reclaimable: int


class SkuSeats(Facts, frozen=True):
    """A SKU's seats before and after; `before` is None for one that the tenant does not have yet."""

    sku_id: str
    name: str
    part_number: str
    before: Seats | None
    after: Seats


class Served(Facts, frozen=True):
    """Who got seats: of users `waiting` for one of an added SKU, those `served`; of those `moved` to another
    group, those `refused`, for whom it had no seats."""

    waiting: int
    served: int
    moved: int
    refused: int


class Outcome(Facts, frozen=True):
    """What a change would do.

    `rules_differ`: both sides are judged by other rules than the snapshot was taken with. `unseen`: groups of
    which nobody shows which plans they switch off, so that all are taken to be on.
    """

    schema: int
    tenant_id: str
    tenant_name: str
    taken_at: datetime
    pseudonymised: bool
    rules_differ: bool
    changes: Changes
    users: int
    before: Side
    after: Side
    transitions: tuple[Transition, ...]
    seats: tuple[SkuSeats, ...]
    dealt: Served
    unseen: tuple[str, ...]
    changed: tuple[ChangedUser, ...]


Read = Callable[[], Iterator[Line]]
"""Begins to read the snapshot anew."""


def what_if(read: Read, asked: Asked, rules: Rules) -> Outcome:
    """Try what was asked on a snapshot: read twice where it depends on seats who gets what, else once.

    Raises `BadChange`, `NoEdition`, and whatever `read` raises. Memory grows with the users who would stand
    otherwise or have other licences, not with the tenant.
    """
    first = next(read())
    if not isinstance(first, Head):
        raise ValueError("a snapshot begins with a head")
    changes = understood(asked, first, rules)
    dealt = _survey(read(), changes, rules) if changes.seats_matter else Dealt()
    trial = _Trial(asked, changes, dealt, rules)
    trial.take(read())
    return trial.outcome()


def passes(asked: Asked) -> int:
    """How often `what_if` reads the snapshot from beginning to end."""
    return 2 if asked.add or asked.move else 1


def _survey(lines: Iterable[Line], changes: Changes, rules: Rules) -> Dealt:
    survey = Survey(changes, rules)
    for line in lines:
        if isinstance(line, Head):
            survey.head(line)
        elif isinstance(line, Reading):
            survey.user(line)
    return survey.dealt()


class _Sums:
    """Counts over users of one side."""

    def __init__(self) -> None:
        self.states: Counter[State] = Counter()
        self._needs: Counter[str] = Counter()
        self._reclaimable: Counter[str] = Counter()

    def add(self, user: User, verdict: Verdict) -> None:
        self.states[verdict.state] += 1
        if verdict.state is not State.NOT_IN_REACH:
            self._needs[need_of(verdict)] += 1
        elif verdict.reach not in KEEP_THEIR_SEATS:
            self._reclaimable.update(one.sku_id for one in user.assigned_licenses)

    def totals(self) -> Totals:
        """As far as seats depend on them."""
        return Totals(
            need_p1=self._needs["p1"], need_cloud=self._needs["cloud"], reclaimable=self._reclaimable
        )

    def side(self, licences: Licences) -> Side:
        states = {state: self.states[state] for state in State}
        return Side(
            edition=licences.policy.edition,
            in_reach=sum(states.values()) - states[State.NOT_IN_REACH],
            states=states,
            needs=tuple(
                Need(
                    tier=TIER_NAMES[one.tier],
                    users=one.needs,
                    free=one.free,
                    reclaimable=one.held,
                    buy=one.buy,
                )
                for one in shortages(licences, self.totals())
            ),
        )


class _Trial:
    """Judges every user as it was and as it would be."""

    def __init__(self, asked: Asked, changes: Changes, dealt: Dealt, rules: Rules) -> None:
        self._asked, self._changes, self._dealt, self._rules = asked, changes, dealt, rules
        self._dropped = frozenset(changes.drop)
        self._heads: tuple[Head, Head] | None = None
        self._newest: tuple[Head, Head] | None = None
        self._first: Head | None = None
        self._judges: tuple[Judge, Judge] | None = None
        self._before, self._after = _Sums(), _Sums()
        self._pairs: Counter[tuple[State, State]] = Counter()
        self._changed: list[ChangedUser] = []
        self._rules_differ = False

    def take(self, lines: Iterable[Line]) -> None:
        """Read the whole snapshot."""
        for line in lines:
            if isinstance(line, Head):
                self._section(line)
            elif isinstance(line, Reading):
                self._user(line)

    def _section(self, head: Head) -> None:
        if self._first is None:
            self._first = head
        else:
            # What one section knows of groups and SKUs another may not.
            understood(self._asked, head, self._rules, later=True)
        after = changed_head(head, self._changes, self._rules, self._dealt.holders, self._dealt.taken)
        self._heads = (head, after)
        self._judges = (judge_of(head, self._rules), judge_of(after, self._rules))
        self._rules_differ = self._rules_differ or head.rules != self._rules.digest
        if self._newest is None or newer(head, self._newest[0]):
            self._newest = self._heads

    def _user(self, reading: Reading) -> None:
        if self._heads is None or self._judges is None:
            raise ValueError("a section begins with its head")
        changed = self._as_changed(reading, self._heads[0])
        was = self._judges[0].judged(reading.user, reading.standing, reading.at).verdict
        to_be = self._judges[1].judged(changed.user, changed.standing, changed.at).verdict
        self._before.add(reading.user, was)
        self._after.add(changed.user, to_be)
        self._pairs[was.state, to_be.state] += 1
        if was.state is not to_be.state:
            self._changed.append(
                ChangedUser(
                    id=reading.user.id,
                    upn=reading.user.user_principal_name or "",
                    name=reading.user.display_name or "",
                    before=was.state,
                    after=to_be.state,
                    rule=to_be.rule,
                    cause=to_be.cause,
                    plan_off=to_be.rests_on_plan_off,
                )
            )

    def _as_changed(self, reading: Reading, head: Head) -> Reading:
        user, standing = reading.user, reading.standing
        held = self._dealt.held.get(user.id)
        if held is not None:
            user = with_held(user, held)
        elif self._dropped:
            user = with_held(user, without(held_by(user), self._dropped))
        scope = self._changes.scope
        if scope is not None and scope.groups:
            member = in_groups(reading, scope.groups, head)
            if member is not standing.in_scope_group:
                standing = msgspec.structs.replace(standing, in_scope_group=member)
        if user is reading.user and standing is reading.standing:
            return reading
        return msgspec.structs.replace(reading, user=user, standing=standing)

    def outcome(self) -> Outcome:
        """What came of it."""
        if self._newest is None or self._first is None:
            raise ValueError("a snapshot begins with a head")
        before, after = (Licences(self._rules, head.policy, head.facts) for head in self._newest)
        return Outcome(
            schema=SCHEMA,
            tenant_id=self._first.facts.tenant_id,
            tenant_name=self._first.facts.display_name,
            taken_at=self._first.taken_at,
            pseudonymised=bool(self._first.key_check),
            rules_differ=self._rules_differ,
            changes=self._changes,
            users=sum(self._pairs.values()),
            before=self._before.side(before),
            after=self._after.side(after),
            transitions=_transitions(self._pairs),
            seats=tuple(self._seats(before, after)),
            dealt=Served(
                waiting=self._dealt.waiting,
                served=self._dealt.served,
                moved=self._dealt.moved,
                refused=self._dealt.refused,
            ),
            unseen=self._dealt.unseen,
            changed=tuple(
                sorted(self._changed, key=lambda one: (_ORDER[one.after], _ORDER[one.before], one.id))
            ),
        )

    def _seats(self, before: Licences, after: Licences) -> Iterator[SkuSeats]:
        """Of each SKU that could cover somebody, or that is changed; what gives most first."""
        named = {*self._changes.drop, *(one.sku_id for one in self._changes.add), *self._dealt.taken}
        had, has = self._before.totals(), self._after.totals()
        for key, sku in sorted(after.facts.skus.items(), key=lambda one: _place(one[0], before, after)):
            if key in named or after.matters(key):
                owned = before.facts.skus.get(key)
                yield SkuSeats(
                    sku_id=key,
                    name=self._rules.skus.name(key, sku.part_number),
                    part_number=sku.part_number,
                    before=_seats_of(owned, before, had) if owned else None,
                    after=_seats_of(sku, after, has),
                )


def _place(sku_id: str, before: Licences, after: Licences) -> tuple[int, str, str]:
    name = after.rules.skus.name(sku_id, after.facts.skus[sku_id].part_number)
    return (-max(before.tier(sku_id), after.tier(sku_id)), name, sku_id)


_ORDER = {
    state: place
    for place, state in enumerate(
        (
            State.UNCOVERED,
            State.WRITEBACK_UNCOVERED,
            State.UNDETERMINED,
            State.COVERED,
            State.NOT_IN_REACH,
        )
    )
}
"""What is to be acted on first."""


def _transitions(pairs: Mapping[tuple[State, State], int]) -> tuple[Transition, ...]:
    differing = [(was, to_be) for was, to_be in pairs if was is not to_be]
    return tuple(
        Transition(before=was, after=to_be, users=pairs[was, to_be])
        for was, to_be in sorted(differing, key=lambda pair: (_ORDER[pair[1]], _ORDER[pair[0]]))
    )


def _seats_of(sku: Sku, licences: Licences, totals: Totals) -> Seats:
    return Seats(
        tier=TIER_NAMES.get(licences.tier(sku.sku_id), "none"),
        usable=sku.usable,
        consumed=sku.consumed,
        free=sku.free,
        reclaimable=totals.reclaimable.get(sku.sku_id, 0),
    )
