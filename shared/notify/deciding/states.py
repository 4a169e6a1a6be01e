"""What becomes of a finding on a route: the table told x muted x excepted x held x pending (judgement.md §6).

`decide` looks the situation of each finding up here and does what the first row that fits says. A reason is
the only way not to be told.
"""

import enum
import functools

import msgspec


class Reason(enum.StrEnum):
    """Why a finding is not told now. There is no other way not to be told."""

    TOLD = "told"
    NETTED = "netted"
    BASELINE = "baseline"
    MUTED = "muted-by"
    EXCEPTED = "excepted"
    HELD_BY_LICENSING = "held-by-licensing"
    HELD_BY_BRAKE = "held-by-brake"
    HELD_BY_CHANGE = "held-by-change"
    FLAPPING = "flapping"
    CONFIRMING = "confirming"
    HANDOVER_DELAYED = "handover-delayed"
    WAITING_FOR_GROUP = "waiting-for-group"


LASTING = frozenset(
    {
        Reason.MUTED,
        Reason.EXCEPTED,
        Reason.HELD_BY_LICENSING,
        Reason.HELD_BY_BRAKE,
        Reason.HELD_BY_CHANGE,
        Reason.FLAPPING,
    }
)
"""Reasons that may last; the others are a matter of minutes, or say that people know."""


class Say(enum.StrEnum):
    """What is said of a finding now."""

    OPENED = "opened"
    CHANGED = "changed"
    RESOLVED = "resolved"
    REMIND = "remind"


class Told(enum.StrEnum):
    """What people on the route believe of the finding.

    `never`: they have not heard of it for certain. `told`: they know it as it stands. `stale`: they know it
    otherwise, or may. Of a finding that has ended: `never` or `told`, also where it is not certain.
    """

    NEVER = "never"
    TOLD = "told"
    STALE = "stale"


class Held(enum.StrEnum):
    """What holds it back. `no`: nothing."""

    NO = "no"
    LICENSING = "licensing"
    BRAKE = "brake"
    CHANGE = "change"


class Pending(enum.StrEnum):
    """What is still waited for. `due`: nothing, and a reminder is due. `no`: nothing."""

    NO = "no"
    FLAPPING = "flapping"
    CONFIRMING = "confirming"
    DELAYED = "delayed"
    WAITING = "waiting"
    DUE = "due"


class Situation(msgspec.Struct, frozen=True):
    """How one finding stands on one route, after the baseline was told there."""

    told: Told
    open: bool = True
    muted: bool = False
    excepted: bool = False
    held: Held = Held.NO
    pending: Pending = Pending.NO


class Row(msgspec.Struct, frozen=True):
    """One row: None fits anything."""

    name: str
    outcome: Reason | Say
    open: bool
    told: Told | None = None
    muted: bool | None = None
    excepted: bool | None = None
    held: Held | None = None
    pending: Pending | None = None

    def fits(self, situation: Situation) -> bool:
        """Whether this row is about that situation."""
        return self.open == situation.open and all(
            wanted is None or wanted == given
            for wanted, given in (
                (self.told, situation.told),
                (self.muted, situation.muted),
                (self.excepted, situation.excepted),
                (self.held, situation.held),
                (self.pending, situation.pending),
            )
        )


# Whoever heard that it broke hears that it ended, muted, excepted or not; many ends at once are held.
ROWS: tuple[Row, ...] = (
    Row("over and never heard of", Reason.NETTED, open=False, told=Told.NEVER),
    Row("over, one of many at once", Reason.HELD_BY_BRAKE, open=False, held=Held.BRAKE),
    Row("over by a declared change", Reason.HELD_BY_CHANGE, open=False, held=Held.CHANGE),
    Row("over, and the way is barred", Reason.HANDOVER_DELAYED, open=False, pending=Pending.DELAYED),
    Row("over, others may follow", Reason.WAITING_FOR_GROUP, open=False, pending=Pending.WAITING),
    Row("over", Say.RESOLVED, open=False),
    Row("explained by its cause", Reason.MUTED, open=True, muted=True),
    Row("agreed not to be told", Reason.EXCEPTED, open=True, excepted=True),
    Row("told long ago", Say.REMIND, open=True, told=Told.TOLD, pending=Pending.DUE),
    Row("told", Reason.TOLD, open=True, told=Told.TOLD),
    Row("a licensing job runs", Reason.HELD_BY_LICENSING, open=True, held=Held.LICENSING),
    Row("one of many at once", Reason.HELD_BY_BRAKE, open=True, held=Held.BRAKE),
    Row("by a declared change", Reason.HELD_BY_CHANGE, open=True, held=Held.CHANGE),
    Row("comes and goes", Reason.FLAPPING, open=True, pending=Pending.FLAPPING),
    Row("may go away by itself", Reason.CONFIRMING, open=True, pending=Pending.CONFIRMING),
    Row("the way is barred", Reason.HANDOVER_DELAYED, open=True, pending=Pending.DELAYED),
    Row("others may follow", Reason.WAITING_FOR_GROUP, open=True, pending=Pending.WAITING),
    Row("new", Say.OPENED, open=True, told=Told.NEVER),
    Row("otherwise than told", Say.CHANGED, open=True, told=Told.STALE),
)
"""The first row that fits says what becomes of it."""


@functools.cache
def row_of(situation: Situation) -> Row:
    """The row for a situation; every one that can be has one."""
    return next(row for row in ROWS if row.fits(situation))


class Silence(msgspec.Struct, frozen=True):
    """One finding's reason; `by`: the kind of the cause that mutes it, or the id of the exception."""

    reason: Reason
    by: str = ""

    def __str__(self) -> str:
        return f"{self.reason}:{self.by}" if self.by else str(self.reason)
