"""One user's verdict by one edition, from licences and reach (judgement.md §4). Pure.

The edition's table of verdicts decides: its row is what the user is, its column the best level that counts.
What is not known is judged twice: with the sure licences only, and with all that may count. If both give one
state, that is the verdict. If both are breaches, it is the lesser: that much is sure, and no doubt may hide
it. Else it is undetermined and names what makes the difference.
"""

from collections.abc import Iterable

import msgspec

from shared.holdings import NO, UNDETERMINED, YES, Reading
from shared.model import Because, Part, State, Tier, Verdict, Warning
from shared.reach import CANNOT_RESET, IN, NOT_YET, OUT, Reach
from shared.rules.editions import Cell, CellPart, Edition

COVERING = ("p2", "p1", "basic", "basic-edu", "paid-suite", "paid-workload", "developer", "contested")
"""Causes of cover: where several licences cover, the first of these is named."""

FAILING = (
    "assignment-failed",
    "sku-suspended",
    "sku-gone",
    "trial-subscription",
    "contested-no",
    "edition-no",
    "developer-ignored",
    "device-or-room",
    "unattended",
    "trial-sku",
    "free",
    "not-office",
)
"""Causes of a breach, the one that is easiest to act on first."""

UNSURE = ("trial-undetermined", "contested", "sku-unknown")
"""Causes of doubt that lie in a licence, the one that is easiest to settle first."""

BREACHES = (State.UNCOVERED, State.WRITEBACK_UNCOVERED)
NOT_ASKED = Part(answer="not-asked")
SYNCED_ROWS = {
    "on": "synced-writeback-on",
    "off": "synced-writeback-off",
    "unknown": "synced-writeback-unknown",
}
WITHOUT_WRITEBACK = {
    "not_in_reach": "synced-writeback-off",
    "judge_as_cloud": "cloud-only",
    "judge_as_synced": "synced-writeback-on",
}
ASKS_WRITEBACK = ("synced-writeback-on", "synced-writeback-unknown")
SETTING = Because(kind="setting-needed", about="PASSWORD_WRITEBACK")


class Level(msgspec.Struct, frozen=True):
    """The best that counts: for reset, and whether a plan of P1 that is switched on gives writeback."""

    tier: Tier
    writes_back: bool


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """All readings of one set of licences by one edition, in order of ids, and what they add up to."""

    readings: tuple[Reading, ...]
    sure: Level
    most: Level


def profile(readings: Iterable[Reading]) -> Profile:
    """Add up readings: `sure` by those that count, `most` by those that count or may count."""
    listed = tuple(sorted(readings, key=lambda one: one.holding.sku_id))
    counting = [one.holding for one in listed if one.counts]
    possible = [one.holding for one in listed if one.holding.reset != NO]
    return Profile(
        readings=listed,
        sure=Level(
            max((one.tier for one in counting), default=Tier.NONE),
            any(one.writeback == YES for one in counting),
        ),
        most=Level(
            max((one.tier for one in possible), default=Tier.NONE),
            any(one.writeback != NO for one in possible),
        ),
    )


class Composer:
    """Composes verdicts by one edition under one set of choices.

    `frees_administrators`: to reset in the cloud they need no licence.
    """

    def __init__(self, edition: Edition, writeback: str, without_writeback: str, administrators: str) -> None:
        self._edition = edition
        self._synced_row = (
            WITHOUT_WRITEBACK[without_writeback] if writeback == "off" else SYNCED_ROWS[writeback]
        )
        self.frees_administrators = administrators == "cloud_free"

    def verdict(self, held: Profile, reach: Reach, *, synced: bool, administrator: bool) -> Verdict:
        """The verdict on a user who holds these licences.

        Out of reach nothing is asked. Where reach is unknown, a user who would be covered is covered; else it
        is undetermined, or, while the report may not know the account yet, not in reach.
        """
        if reach.answer == OUT:
            return self._out(held, reach, held.sure.tier)
        question = _Question(
            self._edition,
            self._synced_row if synced else "cloud-only",
            held,
            free=administrator and self.frees_administrators,
        )
        verdict = question.verdict(reach)
        if verdict.state is State.NOT_IN_REACH:
            return self._out(held, CANNOT_RESET, verdict.tier)
        if reach.answer == IN or verdict.state is State.COVERED:
            return verdict
        if reach.answer == NOT_YET:
            return self._out(held, reach, verdict.tier)
        unknown = Part(answer=UNDETERMINED, cause="reach-unknown")
        asked = verdict.writeback.answer != "not-asked"
        return msgspec.structs.replace(
            verdict,
            state=State.UNDETERMINED,
            cause="reach-unknown",
            because=(Because(kind="evidence-missing", about=reach.missing),),
            reset=msgspec.structs.replace(unknown, rule=verdict.reset.rule),
            writeback=msgspec.structs.replace(unknown, rule=verdict.writeback.rule) if asked else NOT_ASKED,
        )

    def _out(self, held: Profile, reach: Reach, tier: Tier) -> Verdict:
        return Verdict(
            state=State.NOT_IN_REACH,
            rule="",
            cause=reach.code,
            reach=reach.code,
            reset=NOT_ASKED,
            writeback=NOT_ASKED,
            tier=tier,
            counted=_counted(held),
            holdings=tuple(one.holding for one in held.readings),
        )


class _Question:
    """One row of the table of verdicts, asked about one profile. `free`: a cloud level needs no licence."""

    def __init__(self, edition: Edition, row: str, held: Profile, *, free: bool) -> None:
        self._edition = edition
        self._row = row
        self._held = held
        self._asks = row in ASKS_WRITEBACK
        self._floor = Tier.CLOUD if free else Tier.NONE
        self._sure = self._with_floor(held.sure)
        self._most = self._with_floor(held.most)

    def verdict(self, reach: Reach) -> Verdict:
        low, high = self._cell(self._sure), self._cell(self._most)
        decided = high if low.state in BREACHES and high.state in BREACHES else low
        if decided.state == high.state:
            state = decided.state
            cause, because = self._settled(state)
        else:
            state = State.UNDETERMINED
            cause, because = self._unsettled(low)
        return Verdict(
            state=state,
            # In doubt whether the user can reset at all, only the rule that would cover has a say.
            rule=decided.rule or high.rule,
            cause=cause,
            reach=reach.code,
            reset=self._reset(cause),
            writeback=self._writeback(low, high, cause),
            tier=self._sure.tier,
            counted=_counted(self._held),
            warnings=tuple(
                Warning(code=code, about=one.holding.sku_id)
                for one in self._held.readings
                for code in one.holding.warnings
            ),
            because=because,
            holdings=tuple(one.holding for one in self._held.readings),
        )

    def _with_floor(self, level: Level) -> Level:
        return Level(max(level.tier, self._floor), level.writes_back)

    def _cell(self, level: Level) -> Cell:
        """Where writeback is asked, a P1 whose plan is switched off is no more than a cloud level."""
        if not self._asks:
            column = level.tier
        elif level.writes_back:
            column = Tier.P1
        else:
            column = min(level.tier, Tier.CLOUD)
        return self._edition.cells[self._row, column]

    def _settled(self, state: State) -> tuple[str, tuple[Because, ...]]:
        """Cause and pointers where the sure licences alone decide."""
        match state:
            case State.COVERED:
                return self._cover(writing_back=self._asks), ()
            case State.UNCOVERED:
                return self._breach(self._held.readings, "nothing-held")
            case State.WRITEBACK_UNCOVERED:
                return self._writeback_breach()
            case State.UNDETERMINED:
                return "writeback-unknown", (SETTING,)
            case State.NOT_IN_REACH:
                return CANNOT_RESET.code, ()

    def _unsettled(self, low: Cell) -> tuple[str, tuple[Because, ...]]:
        """Cause and pointers of the licences that, if they counted, would change the state."""
        deciding = [one for one in self._held.readings if one.unsure and self._would_change(one, low)]
        causes = {one.cause for one in deciding}
        because = {pointer: None for one in deciding for pointer in one.holding.because}
        return next(cause for cause in UNSURE if cause in causes), tuple(because)

    def _would_change(self, one: Reading, low: Cell) -> bool:
        level = Level(
            max(self._sure.tier, one.holding.tier), self._sure.writes_back or one.holding.writeback != NO
        )
        return self._cell(level).state != low.state

    def _cover(self, *, writing_back: bool) -> str:
        """Of the licences that reach the level the first of `COVERING`; if none, the free cloud level."""
        causes = {
            one.cause
            for one in self._held.readings
            if one.counts and (one.holding.writeback == YES if writing_back else self._reaches(one))
        }
        return next((cause for cause in COVERING if cause in causes), "administrator-free")

    def _reaches(self, one: Reading) -> bool:
        return one.holding.tier == self._sure.tier

    def _breach(self, readings: Iterable[Reading], otherwise: str) -> tuple[str, tuple[Because, ...]]:
        failing = [one for one in readings if one.holding.reset == NO]
        cause = next((code for code in FAILING if any(one.cause == code for one in failing)), otherwise)
        # A failing licence that would give nothing has a cause of its own; its group explains nothing.
        named = [one.holding for one in failing if one.cause == cause == one.holding.reason]
        pointers = {pointer: None for holding in named for pointer in holding.because}
        return cause, tuple(pointers)

    def _writeback_breach(self) -> tuple[str, tuple[Because, ...]]:
        """Why nobody writes back: a plan switched off first, else what keeps a P1 from counting."""
        if any(one.plan_off for one in self._held.readings):
            return "plan-off", ()
        return self._breach((one for one in self._held.readings if one.would_write_back), "cloud-level-only")

    def _reset(self, cause: str) -> Part:
        low = self._edition.cells[self._row, self._sure.tier].reset
        high = self._edition.cells[self._row, self._most.tier].reset
        if low.answer != high.answer:
            return Part(answer=UNDETERMINED, rule=low.rule or high.rule, cause=cause)
        if low.answer == YES:
            return _part(low, self._cover(writing_back=False))
        if low.answer == NO and self._sure.tier is Tier.CLOUD:
            return _part(low, "cloud-level-only")
        return _part(low, cause)

    def _writeback(self, low: Cell, high: Cell, cause: str) -> Part:
        if low.writeback.answer != high.writeback.answer:
            return Part(answer=UNDETERMINED, rule=low.writeback.rule, cause=cause)
        if low.writeback.answer == YES:
            return _part(low.writeback, self._cover(writing_back=True))
        return _part(low.writeback, cause)


def _part(part: CellPart, cause: str) -> Part:
    return NOT_ASKED if part.answer == "not-asked" else Part(answer=part.answer, rule=part.rule, cause=cause)


def _counted(held: Profile) -> tuple[str, ...]:
    return tuple(one.holding.sku_id for one in held.readings if one.counts)
