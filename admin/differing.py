"""Users who stand otherwise, in words and for a spreadsheet: of a change that was tried, or of a replay."""

from collections.abc import Iterable

import msgspec

from admin.words import said, texts
from shared.model import State
from shared.texts.cells import table

COLUMNS = ("id", "upn", "name", "from", "to", "rule", "cause", "cause_code")


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """One user. `rule`, `cause` and `plan_off` are those of the state `after`."""

    id: str
    upn: str
    name: str
    before: State
    after: State
    rule: str
    cause: str
    plan_off: bool

    def reason(self) -> str:
        """The cause in words."""
        return reason(self.after, self.cause, plan_off=self.plan_off)


def reason(after: State, cause: str, *, plan_off: bool) -> str:
    """Why somebody stands so, in words; `plan_off`: by a licence whose Entra plan is turned off."""
    section = "reach" if after is State.NOT_IN_REACH else "causes"
    worded = texts().find(section, cause) or cause
    # Ours, and longer than a name that people chose.
    return texts().text("what_if", "plan_off", cause=worded) if plan_off else worded


def state(one: State) -> str:
    """A state in words."""
    return texts().text("states", one.value)


def as_csv(users: Iterable[Differing]) -> str:
    """A file for spreadsheets, in the language that is set; the last column has the code for a program."""
    header = [said("what_if", "columns", name) for name in COLUMNS]
    return table(
        header,
        (
            (
                one.id,
                one.upn,
                one.name,
                state(one.before),
                state(one.after),
                one.rule,
                one.reason(),
                one.cause,
            )
            for one in users
        ),
    )
