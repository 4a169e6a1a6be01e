"""A snapshot judged again: the same facts, by its own edition or another. Pure."""

from collections.abc import Iterable, Iterator

import msgspec

from shared.judgement import Judge
from shared.model import Judged
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.snapshot.digest import Digest
from shared.snapshot.lines import Head, Line, Reading


class NoEdition(Exception):
    """The rules don't have the edition that is to judge; `edition` names it."""

    def __init__(self, edition: str) -> None:
        self.edition = edition
        super().__init__(f"no edition {edition}")


class Rejudged(msgspec.Struct, frozen=True):
    """One user judged again. `head`: of its section, with the policy that it was now judged by."""

    head: Head
    reading: Reading
    judged: Judged


class Comparison(msgspec.Struct, frozen=True):
    """Whether a section's verdicts are those that were given then, bit for bit.

    `rules_differ`: the rules are not those of then, so they may well differ.
    """

    users: int
    then: str
    now: str
    rules_differ: bool

    @property
    def same(self) -> bool:
        """Whether they are."""
        return self.then == self.now


def rejudged(
    lines: Iterable[Line], rules: Rules, edition: str | None = None
) -> Iterator[Rejudged | Comparison]:
    """Every user judged again, and after each section how that compares with its own digest.

    `edition`: to judge by instead of the snapshot's. Raises `NoEdition`.
    """
    section: tuple[Head, Judge] | None = None
    digest = Digest()
    for line in lines:
        if isinstance(line, Head):
            head = msgspec.structs.replace(line, policy=with_edition(line.policy, edition))
            section, digest = (head, judge_of(head, rules)), Digest()
            continue
        if section is None:
            raise ValueError("a section begins with its head")
        head, judge = section
        if isinstance(line, Reading):
            judged = judge.judged(line.user, line.standing, line.at)
            digest.add(line.user.id, judged)
            yield Rejudged(head, line, judged)
        else:
            yield Comparison(line.users, line.verdicts, digest.hex(), head.rules != rules.digest)


def judge_of(head: Head, rules: Rules) -> Judge:
    """The judge of a section's users. Raises `NoEdition`."""
    if head.policy.edition not in rules.editions:
        raise NoEdition(head.policy.edition)
    return Judge(rules, head.policy, head.facts)


def with_edition(policy: Policy, edition: str | None) -> Policy:
    """The policy with another governing edition."""
    return msgspec.structs.replace(policy, edition=edition) if edition else policy
