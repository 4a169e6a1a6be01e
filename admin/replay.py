"""`replay SNAPSHOT`: a snapshot judged again, by its own edition or another, and who differs."""

import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from admin.connection import Desk, WrongInput, run
from admin.differing import Differing, reason
from admin.differing import as_csv as csv_of
from admin.endings import DONE, FOUND, WRONG, told
from admin.saved import offline, snapshot, unusable
from admin.words import said, texts
from shared.archive.snapshots import NoSnapshot, find, open_stored
from shared.rules.loader import load_rules
from shared.snapshot.file import SnapshotUnreadable
from shared.snapshot.judging import NoEdition
from shared.snapshot.replaying import Differs, Replayed, Replaying, Told
from shared.texts.plain import one_line

TEXT, JSON, CSV = "text", "json", "csv"
SCHEMA = 1
_DAYS = 10
"""So many days of which there are snapshots are listed, the last ones."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed. `day`: of a snapshot that the watch kept; `first`: how many users are named."""

    path: Path | None = None
    day: str = ""
    edition: str = ""
    form: str = TEXT
    first: int = 10
    settings: Path | None = None


def judge_again(asked: Asked) -> int:
    """Do it; the exit status. What went wrong is on standard error, as a sentence."""
    path = asked.path
    if (path is None) == (not asked.day):
        return told(WRONG, _fault("two-named" if path else "nothing-named"))
    if path is not None:
        return offline(lambda: tell(of_file(path, asked.edition), asked.form, asked.first))
    status = DONE

    async def work(desk: Desk) -> None:
        nonlocal status
        status = tell(await of_day(desk, asked.day, asked.edition), asked.form, asked.first)

    return run(work, asked.settings) or status


def of_file(path: Path, edition: str = "") -> Replayed:
    """The snapshot at a path judged again; `edition` empty: by its own. Raises `WrongInput`."""
    replaying = _begun(edition)
    with snapshot(path) as saved:
        replaying.take(saved.lines())
    return replaying.result()


async def of_day(desk: Desk, day: str, edition: str = "") -> Replayed:
    """The snapshot that the watch kept of a day, part by part. Raises `WrongInput`."""
    replaying = _begun(edition)
    container = desk.storage.evidence
    _expect_date(day)
    try:
        one = await find(container, desk.tenant_id, day)
        async for lines in open_stored(container, desk.tenant_id, one):
            replaying.take(lines)
    except NoSnapshot as problem:
        days = ", ".join(one.isoformat() for one in problem.days[-_DAYS:])
        code = "no-day" if days else "no-days"
        raise WrongInput(_fault(code, date=day, days=days)) from None
    except (SnapshotUnreadable, NoEdition) as problem:
        raise unusable(problem, day) from None
    return replaying.result()


def _expect_date(day: str) -> None:
    try:
        date.fromisoformat(day.partition("/")[0])
    except ValueError:
        raise WrongInput(_fault("bad-date", date=day)) from None


def _begun(edition: str) -> Replaying:
    rules = load_rules()
    if edition and edition not in rules.editions:
        raise WrongInput(_fault("no-edition", edition=edition, editions=", ".join(sorted(rules.editions))))
    return Replaying(rules, edition or None)


def tell(result: Replayed, form: str, first: int) -> int:
    """Print what came of it, naming so many users; the exit status: 0 the same, 3 not."""
    if form == JSON:
        document = Told(schema=SCHEMA, unchanged=result.unchanged, replayed=result)
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    elif form == CSV:
        sys.stdout.buffer.write(as_csv(result).encode())
    else:
        for line in worded(result, first):
            print(line)
    return DONE if result.unchanged else FOUND


def as_csv(result: Replayed) -> str:
    """Every user who is judged otherwise, for a spreadsheet."""
    return csv_of(
        Differing(
            id=one.id,
            upn=one.upn,
            name=one.name,
            before=one.then,
            after=one.now,
            rule=one.rule,
            cause=one.cause,
            plan_off=one.plan_off,
        )
        for one in result.differing
    )


def worded(result: Replayed, first: int) -> list[str]:
    """What came of it, in sentences and a small table."""
    number, day = texts().number, _day(result.own_edition)
    lines = [said("replay", "read", n=number(result.users), date=day)]
    key = "same" if result.same else "other_rules" if result.rules_differ else "not_same"
    lines.append(said("replay", key))
    if result.same and result.rules_differ:
        lines.append(said("replay", "rules_differ"))
    if result.edition == result.own_edition:
        return [*lines, "", *_counts(result.then)]
    lines += ["", *_compared(result), ""]
    if not result.differing:
        return [*lines, said("replay", "nobody", date=_day(result.edition))]
    n = len(result.differing)
    key = "differ_one" if n == 1 else "differ"
    lines.append(said("replay", key, n=number(n), date=_day(result.edition)))
    lines += [f"  {_line(one, result.edition)}" for one in result.differing[:first]]
    if n > first:
        lines.append(said("replay", "more", n=number(n - first)))
    return lines


def _counts(states: Mapping[str, int]) -> list[str]:
    names = {state: _state(state) for state in states}
    width = max(map(len, names.values()))
    return [f"  {names[state]:<{width}}  {texts().number(n):>9}" for state, n in states.items()]


def _compared(result: Replayed) -> list[str]:
    """Users by state, by either edition."""
    names = {state: _state(state) for state in result.then}
    width, number = max(map(len, names.values())), texts().number
    dates = [_day(one) for one in (result.own_edition, result.edition)]
    columns = [max(9, len(one)) for one in dates]
    rows = [f"  {'':<{width}}" + "".join(f"  {one:>{w}}" for one, w in zip(dates, columns, strict=True))]
    for state, name in names.items():
        counts = (number(result.then[state]), number(result.now[state]))
        cells = "".join(f"  {one:>{w}}" for one, w in zip(counts, columns, strict=True))
        rows.append(f"  {name:<{width}}{cells}")
    return rows


def _line(one: Differs, edition: str) -> str:
    who = one_line(one.name) or one_line(one.upn) or texts().text("format", "unnamed_user", id=one.id)
    if one.name and one.upn and one.name != one.upn:
        who = said("explain", "who", name=one.name, upn=one.upn)
    cause = reason(one.now, one.cause, plan_off=one.plan_off)
    # Only `who` is not ours, and is made harmless above; a cause may be longer than that.
    return texts().text("replay", "line", who=who, then=_state(one.then), now=_state(one.now), cause=cause)


def _state(state: str) -> str:
    return texts().find("states", state) or state


def _day(edition: str) -> str:
    return texts().day(date.fromisoformat(edition))


def _fault(code: str, **values: str | int) -> str:
    return said("replay", "faults", code, **values)
