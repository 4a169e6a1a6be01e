"""`what-if`: a change tried on a saved snapshot, shown for a terminal, a spreadsheet or a program."""

import io
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from admin.connection import WrongInput
from admin.differing import Differing, reason
from admin.differing import as_csv as csv_of
from admin.differing import state as _state
from admin.saved import snapshot
from admin.words import said, texts
from shared.model import State
from shared.rules.loader import load_rules
from shared.snapshot.lines import Line
from shared.snapshot.opening import Saved
from shared.texts.plain import one_line
from shared.whatif.changes import Asked, BadChange, Changes, Fault
from shared.whatif.outcome import ChangedUser, Outcome, SkuSeats, passes, what_if

TABLE, JSON, CSV = "table", "json", "csv"
FIRST = 20
"""Users that the terminal shows."""
_WIDTH, _WIDEST = 80, 120
_A_WHILE = 5_000
"""Lines after which the progress bar moves."""
_WHOLE_LIST = 50_000
"""Characters; a thousand products take half of it."""


def show(path: Path, asked: Asked, form: str) -> None:
    """Try it and print what comes of it. Raises `WrongInput`."""
    with snapshot(path) as saved, _bar() as bar:
        outcome = _tried(saved, asked, bar)
    if form == JSON:
        print(msgspec.json.format(msgspec.json.encode(outcome), indent=2).decode())
    elif form == CSV:
        sys.stdout.buffer.write(as_csv(outcome.changed).encode())
    else:
        print_outcome(outcome)


def _tried(saved: Saved, asked: Asked, bar: Progress) -> Outcome:
    task = bar.add_task(said("what_if", "reading"), total=passes(asked) * saved.size)
    begun = 0

    def read() -> Iterator[Line]:
        nonlocal begun
        begun += 1
        # The first beginning only looks at the first line.
        before = max(0, begun - 2) * saved.size
        for number, line in enumerate(saved.lines()):
            if number % _A_WHILE == 0:
                bar.update(task, completed=before + saved.done)
            yield line

    try:
        return what_if(read, asked, load_rules())
    except BadChange as problem:
        raise WrongInput(*map(_worded_fault, problem.faults)) from None


def _worded_fault(one: Fault) -> str:
    # Lists of products and groups are longer than a name; whoever mistyped looks for one in the whole.
    values = {name: one_line(value, _WHOLE_LIST) for name, value in one.values.items()}
    return texts().text("what_if", "faults", one.code, **values)


def _bar() -> Progress:
    """On standard error, and only for whoever looks at a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def as_csv(changed: Sequence[ChangedUser]) -> str:
    """A file for spreadsheets: every user who would stand otherwise."""
    return csv_of(
        Differing(
            id=one.id,
            upn=one.upn,
            name=one.name,
            before=one.before,
            after=one.after,
            rule=one.rule,
            cause=one.cause,
            plan_off=one.plan_off,
        )
        for one in changed
    )


# --- the terminal ------------------------------------------------------------------------------------------


def print_outcome(outcome: Outcome) -> None:
    """Counts, seats and the first users, as wide as the terminal."""
    width = min(shutil.get_terminal_size((_WIDTH, 0)).columns, _WIDEST)
    parts: list[Iterator[str]] = [
        _wrapped((_title(outcome), *_foreword(outcome)), width),
        _drawn(_states(outcome), width),
        _drawn(_seats(outcome.seats), width) if outcome.seats else iter(()),
        _wrapped(_of_seats(outcome), width),
        _wrapped(_users(outcome), width),
    ]
    shown = ["\n".join(lines) for part in parts if (lines := list(part))]
    print("\n\n".join(shown))


def _wrapped(lines: Iterable[str], width: int) -> Iterator[str]:
    """What is longer than a line goes on under itself, a little to the right."""
    for line in lines:
        indent = "  " if line.startswith(" ") else ""
        yield textwrap.fill(
            line.strip(),
            width,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_on_hyphens=False,
        )


def _drawn(shown: Table, width: int) -> Iterator[str]:
    """The lines of a table, without the blanks around it."""
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, emoji=False, markup=False).print(shown)
    yield from (line.rstrip() for line in out.getvalue().splitlines() if line.strip())


def _title(outcome: Outcome) -> str:
    tenant = outcome.tenant_name or outcome.tenant_id
    changes = "; ".join(_changes(outcome.changes, _names(outcome)))
    return said(
        "what_if",
        "title",
        tenant=tenant,
        at=texts().moment(outcome.taken_at),
        changes=one_line(changes, 1_000),
    )


def _changes(changes: Changes, names: dict[str, str]) -> Iterator[str]:
    """In the order in which they are tried."""
    if changes.writeback:
        yield said("what_if", "changes", "writeback", value=changes.writeback)
    if changes.edition:
        yield said("what_if", "changes", "edition", value=_day(changes.edition))
    if changes.scope is not None and changes.scope.groups:
        yield said("what_if", "changes", "scope_groups", groups=", ".join(changes.scope.groups))
    elif changes.scope is not None:
        yield said("what_if", "changes", "scope_all")
    for sku_id in changes.drop:
        yield said("what_if", "changes", "drop", sku=names.get(sku_id, sku_id))
    for add in changes.add:
        n = texts().number(add.seats)
        yield said("what_if", "changes", "add", n=n, sku=names.get(add.sku_id, add.sku_id))
    for move in changes.move:
        yield said("what_if", "changes", "move", source=move.source, target=move.target)


def _names(outcome: Outcome) -> dict[str, str]:
    own = {one.sku_id: one.name for one in outcome.seats}
    asked = {*outcome.changes.drop, *(one.sku_id for one in outcome.changes.add)}
    return {key: load_rules().skus.name(key, own.get(key, "")) for key in asked}


def _foreword(outcome: Outcome) -> Iterator[str]:
    before, after = outcome.before.edition, outcome.after.edition
    if before == after:
        yield said("what_if", "judged_as", edition=_day(before))
    else:
        yield said("what_if", "judged_otherwise", before=_day(before), after=_day(after))
    if outcome.rules_differ:
        yield said("what_if", "rules-differ")
    if outcome.pseudonymised:
        yield said("what_if", "pseudonymised")
    for group in outcome.unseen:
        yield said("what_if", "unseen", group=group)


def _states(outcome: Outcome) -> Table:
    shown = _table("state", "before", "after", "difference")
    for state in State:
        before, after = outcome.before.states[state], outcome.after.states[state]
        shown.add_row(Text(_state(state)), *_numbers(before, after), Text(_difference(after - before)))
    return shown


def _seats(seats: Sequence[SkuSeats]) -> Table:
    shown = _table("product", "seats", "assigned", "free")
    for one in seats:
        before, after = one.before, one.after
        pairs = (
            (before.usable if before else 0, after.usable),
            (before.consumed if before else 0, after.consumed),
            (before.free if before else 0, after.free),
        )
        shown.add_row(Text(one_line(one.name)), *(Text(_from_to(*pair)) for pair in pairs))
    return shown


def _of_seats(outcome: Outcome) -> Iterator[str]:
    number = texts().number
    dealt = outcome.dealt
    if dealt.waiting:
        yield said("what_if", "served", waiting=number(dealt.waiting), served=number(dealt.served))
    if dealt.moved:
        yield said("what_if", "moved", moved=number(dealt.moved), refused=number(dealt.refused))
    for before, after in zip(outcome.before.needs, outcome.after.needs, strict=True):
        if before.users or after.users:
            yield said(
                "what_if",
                f"need_{after.tier}",
                before=number(before.users),
                after=number(after.users),
                free=number(after.free),
                reclaimable=number(after.reclaimable),
                buy=number(after.buy),
            )


def _users(outcome: Outcome) -> Iterator[str]:
    """Some of each kind of change, so that a large one hides no small one."""
    number = texts().number
    total = len(outcome.changed)
    if not outcome.users:
        yield said("what_if", "nothing-read")
    elif not total:
        yield said("what_if", "nobody", all=number(outcome.users))
    else:
        yield said("what_if", "changed", n=number(total), all=number(outcome.users))
        alike: dict[tuple[State, State, str, str, bool], list[ChangedUser]] = {}
        for one in outcome.changed:
            kind = (one.before, one.after, one.rule, one.cause, one.plan_off)
            alike.setdefault(kind, []).append(one)
        left = FIRST
        for place, users in enumerate(alike.values()):
            listed = users[: -(-left // (len(alike) - place))]
            left -= len(listed)
            yield _worded(users[0], len(users))
            yield from (f"  {one_line(one.upn or one.id)}" for one in listed)
            if (unlisted := len(users) - len(listed)) > 0:
                yield said("what_if", "alike", n=number(unlisted))
        if (more := total - FIRST + left) > 0:
            yield said("what_if", "more", n=number(more))


def _worded(one: ChangedUser, users: int) -> str:
    rule = f" ({one.rule})" if one.rule else ""
    # All of these words are ours; a cause may be longer than a name that people chose.
    return texts().text(
        "what_if",
        "transition",
        n=texts().number(users),
        before=_state(one.before),
        after=f"{_state(one.after)}{rule}",
        cause=_cause(one),
    )


def _table(first: str, *others: str) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column(said("what_if", "columns", first), overflow="fold")
    for name in others:
        shown.add_column(said("what_if", "columns", name), justify="right", no_wrap=True)
    return shown


def _numbers(*numbers: int) -> Iterator[Text]:
    yield from (Text(texts().number(one)) for one in numbers)


def _difference(number: int) -> str:
    sign = "+" if number > 0 else "-" if number < 0 else ""
    return f"{sign}{texts().number(abs(number))}"


def _from_to(before: int, after: int) -> str:
    number = texts().number
    return number(after) if before == after else f"{number(before)} → {number(after)}"


def _cause(one: ChangedUser) -> str:
    return reason(one.after, one.cause, plan_off=one.plan_off)


def _day(edition: str) -> str:
    return texts().day(date.fromisoformat(edition))
