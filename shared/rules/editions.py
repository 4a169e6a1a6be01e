"""An edition: a dated reading of Microsoft's page, read from `editions/<date>.toml` (judgement.md §1, §4)."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from shared.model import State, Tier
from shared.rules.errors import RulesError
from shared.rules.rows import all_of, one_of, only, read_toml, row, table
from shared.rules.skus import PLANS, SkuClass

LEVELS = ("tenant", "user", "assignment")
ANSWERS = ("yes", "no", "contested")
PART_ANSWERS = ("yes", "no", "undetermined", "not-asked")
TIERS: Mapping[str, Tier] = {"none": Tier.NONE, "cloud": Tier.CLOUD, "p1": Tier.P1}
ROWS = ("cloud-only", "synced-writeback-on", "synced-writeback-off", "synced-writeback-unknown")
"""The rows of the table of verdicts; its columns are `TIERS`."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "contested": ("covered", "undetermined", "uncovered"),
    "synced_without_writeback": ("not_in_reach", "judge_as_cloud", "judge_as_synced"),
    "internal_guests": ("not_in_reach", "judge"),
    "administrators": ("cloud_free", "as_users"),
}
"""What an edition leaves to the administrator, with the words allowed; a field of `Policy` overrules each."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence of the page. `follows`: the rules of an older edition that it succeeds.

    `table_row`: the quotation is no sentence but a row of the page's table, its name and the columns ticked.
    `source` is the edition's unless the sentence stands in another version of the page.
    """

    id: str
    level: str
    quote: str
    source: str
    follows: tuple[str, ...] = ()
    table_row: bool = False


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Something the page does not say and the edition decides; `rules` are those it reads."""

    id: str
    text: str
    rules: tuple[str, ...]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something is a licence by this edition: yes, no, or contested; with each side's sources."""

    answer: str
    tier: Tier
    yes: str = ""
    no: str = ""


class CellPart(msgspec.Struct, frozen=True, kw_only=True):
    """One half of a verdict: an answer of `PART_ANSWERS` and the rule that gives it."""

    answer: str
    rule: str = ""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the table of verdicts."""

    state: State
    rule: str
    reset: CellPart
    writeback: CellPart


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """A dated reading of Microsoft's page: rules, readings, options, and the tables that judge.

    `plans` is keyed by `skus.PLANS`, `classes` by the classes of the SKU table, `cells` by row and column.
    """

    id: str
    title: str
    date: dt.date
    page: str
    source: str
    rules: Mapping[str, Rule]
    readings: Mapping[str, Reading]
    options: Mapping[str, str]
    plans: Mapping[str, Answer]
    classes: Mapping[str, Answer]
    cells: Mapping[tuple[str, Tier], Cell]


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: str
    quote: str
    source: str = ""
    follows: tuple[str, ...] = ()
    table_row: bool = False


class _Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[str, ...]
    text: str


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: str
    answer: str
    yes: str = ""
    no: str = ""


class _Class(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    answer: str
    yes: str = ""
    no: str = ""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    answer: str
    rule: str = ""


class _Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    state: str
    reset: _Part
    writeback: _Part
    rule: str = ""


_TOP = ("title", "date", "page", "source", "options", "rules", "readings", "plans", "classes", "verdicts")


class _Head(msgspec.Struct, frozen=True):
    title: str
    date: dt.date
    page: str
    source: str


def load_edition(path: Path, classes: Mapping[str, SkuClass]) -> Edition:
    """Read and check one edition against the classes of the SKU table. Raises `RulesError`."""
    raw, file = read_toml(path), path.name
    only(raw, _TOP, file)
    head = row(
        _Head, {key: raw[key] for key in ("title", "date", "page", "source") if key in raw}, file, "(top)"
    )
    if head.date.isoformat() != path.stem:
        fix = f"name the file {head.date.isoformat()}.toml or correct the date"
        raise RulesError(file, "date", f"the file is named {path.stem}", fix)
    if not head.page.startswith("https://"):
        raise RulesError(file, "page", f"not a link: {head.page!r}", "give the https address of the page")
    rules = {key: _rule(key, one, head.source, file) for key, one in table(raw, file, "rules").items()}
    return Edition(
        id=path.stem,
        title=head.title,
        date=head.date,
        page=head.page,
        source=head.source,
        rules=rules,
        readings={key: _reading(key, one, rules, file) for key, one in table(raw, file, "readings").items()},
        options=_options(table(raw, file, "options"), file),
        plans=_plans(table(raw, file, "plans"), file),
        classes=_classes(table(raw, file, "classes"), classes, file),
        cells=_cells(table(raw, file, "verdicts"), rules, file),
    )


def check_editions(editions: Mapping[str, Edition]) -> None:
    """Check across editions: rule ids are unique, `follows` names older rules. Raises `RulesError`."""
    owner: dict[str, Edition] = {}
    for edition in sorted(editions.values(), key=lambda one: one.date):
        file = f"{edition.id}.toml"
        for rule in edition.rules.values():
            key = f"rules.{rule.id}"
            for older in rule.follows:
                if older not in owner:
                    fix = f"name one of {', '.join(owner)}" if owner else "leave it out: no edition is older"
                    raise RulesError(file, f"{key}.follows", f"no older edition has a rule {older}", fix)
            if rule.id in owner:
                fix = "give each edition rule ids of its own"
                raise RulesError(file, key, f"edition {owner[rule.id].id} has a rule of this id", fix)
        owner |= dict.fromkeys(edition.rules, edition)


def _rule(key: str, raw: object, source: str, file: str) -> Rule:
    read = row(_Rule, raw, file, f"rules.{key}")
    one_of(read.level, LEVELS, file, f"rules.{key}.level")
    if not read.quote:
        raise RulesError(file, f"rules.{key}.quote", "it is empty", "quote the sentence of the page, shortly")
    return Rule(
        id=key,
        level=read.level,
        quote=read.quote,
        source=read.source or source,
        follows=read.follows,
        table_row=read.table_row,
    )


def _reading(key: str, raw: object, rules: Mapping[str, Rule], file: str) -> Reading:
    read = row(_Reading, raw, file, f"readings.{key}")
    if not read.text or not read.rules:
        fix = "say what the edition decides and name the rules that it reads"
        raise RulesError(file, f"readings.{key}", "text or rules is empty", fix)
    for one in read.rules:
        _known_rule(one, rules, file, f"readings.{key}.rules")
    return Reading(id=key, text=read.text, rules=read.rules)


def _options(raw: Mapping[str, Any], file: str) -> dict[str, str]:
    all_of(raw, tuple(OPTIONS), file, "options")
    return {key: one_of(str(raw[key]), OPTIONS[key], file, f"options.{key}") for key in OPTIONS}


def _plans(raw: Mapping[str, Any], file: str) -> dict[str, Answer]:
    all_of(raw, PLANS, file, "plans")
    plans: dict[str, Answer] = {}
    for key in PLANS:
        where = f"plans.{key}"
        read = row(_Plan, raw[key], file, where)
        one_of(read.level, ("cloud", "p1"), file, f"{where}.level")
        plans[key] = _answer(read.answer, read.yes, read.no, TIERS[read.level], file, where)
    return plans


def _classes(raw: Mapping[str, Any], known: Mapping[str, SkuClass], file: str) -> dict[str, Answer]:
    all_of(raw, tuple(known), file, "classes")
    classes: dict[str, Answer] = {}
    for key, sku_class in known.items():
        where = f"classes.{key}"
        read = row(_Class, raw[key], file, where)
        classes[key] = _answer(read.answer, read.yes, read.no, Tier.CLOUD, file, where)
        if read.answer != "no" and sku_class.step in ("not-a-person", "never"):
            fix = f'write answer = "no", or give the class another step than {sku_class.step} in skus.toml'
            raise RulesError(file, f"{where}.answer", f"a class of step {sku_class.step} never counts", fix)
    return classes


def _answer(answer: str, yes: str, no: str, tier: Tier, file: str, key: str) -> Answer:
    one_of(answer, ANSWERS, file, f"{key}.answer")
    wanted = {"yes": (True, False), "no": (False, True), "contested": (True, True)}[answer]
    if (bool(yes), bool(no)) != wanted:
        fix = "give the source of each side that the answer has: yes, no, or for contested both"
        raise RulesError(file, key, f"the sources do not fit the answer {answer}", fix)
    return Answer(answer=answer, tier=tier, yes=yes, no=no)


def _cells(raw: Mapping[str, Any], rules: Mapping[str, Rule], file: str) -> dict[tuple[str, Tier], Cell]:
    all_of(raw, ROWS, file, "verdicts")
    cells: dict[tuple[str, Tier], Cell] = {}
    for name in ROWS:
        columns = raw[name]
        if not isinstance(columns, dict):
            raise RulesError(file, f"verdicts.{name}", "not a table", f"give it {', '.join(TIERS)}")
        all_of(columns, tuple(TIERS), file, f"verdicts.{name}")
        for column, tier in TIERS.items():
            cells[name, tier] = _cell(columns[column], rules, file, f"verdicts.{name}.{column}")
    return cells


def _cell(raw: object, rules: Mapping[str, Rule], file: str, key: str) -> Cell:
    read = row(_Cell, raw, file, key)
    one_of(read.state, tuple(State), file, f"{key}.state")
    state = State(read.state)
    if state is State.NOT_IN_REACH:
        if read.rule:
            raise RulesError(file, f"{key}.rule", "nobody breaks a rule out of reach", "delete it")
    else:
        _known_rule(read.rule, rules, file, f"{key}.rule")
    return Cell(
        state=state,
        rule=read.rule,
        reset=_part(read.reset, rules, file, f"{key}.reset"),
        writeback=_part(read.writeback, rules, file, f"{key}.writeback"),
    )


def _part(read: _Part, rules: Mapping[str, Rule], file: str, key: str) -> CellPart:
    one_of(read.answer, PART_ANSWERS, file, f"{key}.answer")
    if read.answer == "not-asked":
        if read.rule:
            raise RulesError(file, f"{key}.rule", "what is not asked has no rule", "delete it")
    else:
        _known_rule(read.rule, rules, file, f"{key}.rule")
    return CellPart(answer=read.answer, rule=read.rule)


def _known_rule(rule: str, rules: Mapping[str, Rule], file: str, key: str) -> None:
    if rule not in rules:
        problem = f"there is no rule {rule}" if rule else "no rule is named"
        raise RulesError(file, key, problem, f"name one of {', '.join(rules)}")
