"""What comes of judging a snapshot again: the same verdicts, or whose state is another. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from shared.judgement import Judge
from shared.model import Facts, State
from shared.rules.loader import Rules
from shared.snapshot.judging import Comparison, Rejudged, judge_of, rejudged, with_edition
from shared.snapshot.lines import Head, Line


class Differs(Facts, frozen=True):
    """A user whom another edition judges otherwise. `rule` and `cause` are those of the state `now`.

    `plan_off`: covered only by licences of which the Entra plan is turned off for the user.
    """

    id: str
    upn: str
    name: str
    then: State
    now: State
    rule: str
    cause: str
    plan_off: bool = False


class Replayed(Facts, frozen=True):
    """A whole snapshot judged again.

    `same`: by its own edition all verdicts are those given then, bit for bit. `rules_differ`: today's rules
    are not those of then. `then`: users by state by the snapshot's own edition, under today's rules; `now`:
    by the edition asked for. `differing`: whose state is not the same by both, in order of ids.
    """

    tenant_id: str
    users: int
    sections: int
    same: bool
    rules_differ: bool
    own_edition: str
    edition: str
    then: Mapping[str, int]
    now: Mapping[str, int]
    differing: tuple[Differs, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether nobody is judged otherwise than then."""
        return self.same and not self.differing


class Told(Facts, frozen=True):
    """It as JSON. `unchanged`: nobody is judged otherwise than then."""

    schema: int
    unchanged: bool
    replayed: Replayed


def replay(lines: Iterable[Line], rules: Rules, edition: str | None = None) -> Replayed:
    """Judge every user again; with an edition, by that one as well. Raises `NoEdition`."""
    replaying = Replaying(rules, edition)
    replaying.take(lines)
    return replaying.result()


class Replaying:
    """Judges a snapshot again whose lines come in several parts, each of whole sections."""

    def __init__(self, rules: Rules, edition: str | None = None) -> None:
        self._rules, self._edition = rules, edition
        self._head: Head | None = None
        self._other: Judge | None = None
        self._same, self._rules_differ, self._users, self._sections = True, False, 0, 0
        self._then: Counter[State] = Counter()
        self._now: Counter[State] = Counter()
        self._differing: list[Differs] = []

    def take(self, lines: Iterable[Line]) -> None:
        """Judge these users. Raises `NoEdition`."""
        for one in rejudged(self._seen(lines), self._rules):
            if isinstance(one, Comparison):
                self._compare(one)
            else:
                self._count(one)

    def _count(self, one: Rejudged) -> None:
        then = one.judged.verdict.state
        now = one.judged.others.get(self._edition, then) if self._edition else then
        self._then[then] += 1
        self._now[now] += 1
        if now is then:
            return
        user = one.reading.user
        verdict = self._by_other().judged(user, one.reading.standing, one.reading.at).verdict
        self._differing.append(
            Differs(
                id=user.id,
                upn=user.user_principal_name or "",
                name=user.display_name or "",
                then=then,
                now=verdict.state,
                rule=verdict.rule,
                cause=verdict.cause,
                plan_off=verdict.rests_on_plan_off,
            )
        )

    def _seen(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The lines, after a look at their heads."""
        for line in lines:
            if isinstance(line, Head):
                self._head, self._other = line, None
            yield line

    def _by_other(self) -> Judge:
        """A judge of the section at hand with the other edition governing."""
        if self._head is None:
            raise ValueError("a section begins with its head")
        if self._other is None:
            policy = with_edition(self._head.policy, self._edition)
            self._other = judge_of(msgspec.structs.replace(self._head, policy=policy), self._rules)
        return self._other

    def _compare(self, one: Comparison) -> None:
        self._same &= one.same
        self._rules_differ |= one.rules_differ
        self._users += one.users
        self._sections += 1

    def result(self) -> Replayed:
        """After the last line."""
        head = self._head
        own = head.policy.edition if head else ""
        return Replayed(
            tenant_id=head.facts.tenant_id if head else "",
            users=self._users,
            sections=self._sections,
            same=self._same,
            rules_differ=self._rules_differ,
            own_edition=own,
            edition=self._edition or own,
            then={state.value: self._then[state] for state in State},
            now={state.value: self._now[state] for state in State},
            differing=tuple(sorted(self._differing, key=lambda one: one.id)),
        )
