"""`replay SNAPSHOT`: a snapshot judged again, by its own edition or another, and who differs."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from admin.connection import WrongInput
from admin.saved import snapshot
from admin.words import said, texts
from shared.rules.loader import load_rules
from shared.snapshot.replaying import Differs, NoEdition, Replayed, replay
from shared.texts.cells import table
from shared.texts.plain import one_line

TEXT, JSON, CSV = "text", "json", "csv"
SAME, DIFFERENT = 0, 3
SCHEMA = 1
COLUMNS = ("id", "upn", "name", "then", "now", "rule", "cause")


def replayed(path: Path, edition: str) -> Replayed:
    """The snapshot at a path judged again; `edition` empty: by its own. Raises `WrongInput`."""
    rules = load_rules()
    there = ", ".join(sorted(rules.editions))
    if edition and edition not in rules.editions:
        raise WrongInput(said("replay", "faults", "no-edition", edition=edition, editions=there))
    try:
        with snapshot(path) as saved:
            return replay(saved.lines(), rules, edition or None)
    except NoEdition as problem:
        raise WrongInput(
            said("replay", "faults", "unknown-edition", edition=problem.edition, editions=there)
        ) from None


def tell(result: Replayed, form: str, first: int) -> int:
    """Print what came of it, naming so many users; the exit status: 0 the same, 3 not."""
    if form == JSON:
        told = {"schema": SCHEMA, "unchanged": result.unchanged, **msgspec.to_builtins(result)}
        print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    elif form == CSV:
        print(as_csv(result), end="")
    else:
        for line in worded(result, first):
            print(line)
    return SAME if result.unchanged else DIFFERENT


def as_csv(result: Replayed) -> str:
    """Every user who is judged otherwise, for a spreadsheet; codes, no prose."""
    return table(COLUMNS, ([str(getattr(one, name)) for name in COLUMNS] for one in result.differing))


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
    section = "reach" if one.now == "not-in-reach" else "causes"
    cause = texts().find(section, one.cause) or one.cause
    return said("replay", "line", who=who, then=_state(one.then), now=_state(one.now), cause=cause)


def _state(state: str) -> str:
    return texts().find("states", state) or state


def _day(edition: str) -> str:
    return texts().day(date.fromisoformat(edition))
