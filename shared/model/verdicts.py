"""What we make of a user: how each SKU held was read, and the verdict in two parts (judgement.md §2, §4)."""

import enum
from collections.abc import Mapping

from shared.model.base import Facts


class Tier(enum.IntEnum):
    """The best licence that counts: nothing, a cloud level (Office 365, Basic), P1 or better."""

    NONE = 0
    CLOUD = 1
    P1 = 2


class State(enum.StrEnum):
    """A user's verdict (judgement.md §4)."""

    COVERED = "covered"
    UNCOVERED = "uncovered"
    WRITEBACK_UNCOVERED = "writeback-uncovered"
    UNDETERMINED = "undetermined"
    NOT_IN_REACH = "not-in-reach"


BROKEN = (State.UNCOVERED, State.WRITEBACK_UNCOVERED, State.UNDETERMINED)
"""The states that make a `coverage` finding."""


class Because(Facts, frozen=True):
    """Points to a finding of the tenant or of a group that would explain this one (the mute table's key).

    `kind` and `about` as in `Finding`; `subject` is a group's id, empty for the tenant.
    """

    kind: str
    about: str = ""
    subject: str = ""


class Warning(Facts, frozen=True):
    """Something that does not change the verdict but should be seen. `about` is a SKU id or empty."""

    code: str
    about: str = ""


class Part(Facts, frozen=True):
    """One half of the verdict: `yes`, `no`, `undetermined`, or `not-asked` (no writeback for this user)."""

    answer: str
    rule: str = ""
    cause: str = ""


class Holding(Facts, frozen=True):
    """How one SKU that a user holds was read (judgement.md §2). For `explain`; not kept in the ledger.

    `reset` and `writeback`: yes, no, undetermined. `tier` is what it gives where it counts.
    `reason` is the code of the step that decided.
    """

    sku_id: str
    reset: str
    writeback: str
    tier: Tier
    reason: str
    warnings: tuple[str, ...] = ()
    because: tuple[Because, ...] = ()


class Verdict(Facts, frozen=True):
    """The judgement of one user by one edition: pure, the same for the same facts.

    `rule` is the edition's id that decided `state`; `reach` the reason why the user is or is not in reach.
    """

    state: State
    rule: str
    cause: str
    reach: str
    reset: Part
    writeback: Part
    tier: Tier = Tier.NONE
    counted: tuple[str, ...] = ()
    warnings: tuple[Warning, ...] = ()
    because: tuple[Because, ...] = ()
    holdings: tuple[Holding, ...] = ()

    @property
    def rests_on_plan_off(self) -> bool:
        """Whether all that covers the user are licences of which the Entra plan is turned off."""
        best = [one for one in self.holdings if one.sku_id in self.counted and one.tier is self.tier]
        covered = self.state is State.COVERED and bool(best)
        return covered and all("plan-off" in one.warnings for one in best)


class Judged(Facts, frozen=True):
    """The governing edition's verdict, and the state that each other edition would give."""

    verdict: Verdict
    others: Mapping[str, State] = {}

    @property
    def differing(self) -> tuple[str, ...]:
        """Editions that would judge this user's state otherwise."""
        return tuple(sorted(name for name, state in self.others.items() if state != self.verdict.state))


class JudgedBy(Facts, frozen=True):
    """Under which tenant facts and which policy a verdict was given; the higher generation is newer."""

    generation: int
    policy: str
