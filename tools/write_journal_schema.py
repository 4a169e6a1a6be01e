"""Writes docs/journal.schema.json: what a journal line looks like (`make journal-schema`).

Types come from the structs, kinds, states, steps and editions from the rules, words and patterns from
`journal_schema.toml`. A field of which that file says nothing stops the writing.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from shared.findings import transitions
from shared.ledger import tombstones
from shared.ledger.journal import SCHEMA, JournalLine, LineRule, LineSubject
from shared.model import Because, Severity, Step, SubjectType
from shared.rules.kinds import KindRow
from shared.rules.loader import Rules, load_rules
from tools.schemas import Schema, Words, described, laid_out, same_names

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "journal.schema.json"
WORDS = Path(__file__).with_name("journal_schema.toml")

RESOLVED_BY = (
    transitions.LICENSED,
    transitions.STILL_BROKEN,
    transitions.RULE_CHANGED,
    transitions.ADMINISTRATOR_FREE,
    transitions.COVERED_OTHERWISE,
    transitions.NO_LONGER_SYNCED,
    transitions.FACT_KNOWN,
    transitions.NOT_REGISTERED,
    tombstones.DELETED,
    "fixed",
)
"""Causes of a resolution, beside `left-reach: <reason>`; `fixed` is that of the tenant's and groups'."""

_DESCRIPTION = (
    "One line of the journal of SSPR License Watch, exactly as this release writes it: one transition of "
    "one finding. Consumers must be more patient than this schema: ignore fields, and pass over values, that "
    "they do not know; take a field that an older line lacks as its default. See docs/journal.md."
)


def page() -> str:
    """The file's text."""
    return laid_out(schema(load_rules(), tomllib.loads(WORDS.read_text()))) + "\n"


def schema(rules: Rules, words: Words) -> Schema:
    """The schema of one line. Raises `Undescribed`."""
    structs = (LineSubject, LineRule, Step, Because)
    _, parts = msgspec.json.schema_components((JournalLine,))
    line = described(JournalLine, parts["JournalLine"], words)
    fields = line["properties"]
    for name, enum in (("transition", "Moment"), ("severity", "Severity")):
        del fields[name]["$ref"]
        fields[name] |= {"enum": parts[enum]["enum"]}
    parts = {one.__name__: described(one, parts[one.__name__], words) for one in structs}
    fields["schema"] |= {"const": SCHEMA}
    fields["kind"] |= {"enum": list(rules.kinds)}
    fields["state"] |= {"enum": _once(state for row in rules.kinds.values() for state in row.states)}
    fields["edition"] |= {"enum": list(rules.editions)}
    fields["evidence"] |= _closed(words["evidence"])
    fields["previous"] |= _closed(words["previous"])
    sources = _once(rule.source for edition in rules.editions.values() for rule in edition.rules.values())
    parts["LineRule"]["properties"]["source"] |= {"enum": ["", *sources]}
    parts["LineSubject"]["properties"]["type"] |= {"enum": [str(one) for one in SubjectType]}
    parts["Because"]["properties"]["kind"] |= {"enum": list(rules.kinds)}
    parts["Step"] |= _steps(parts["Step"], rules, words["values"])
    line["allOf"] = [*_transitions(), *_kinds(rules.kinds, words["facts"])]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Journal line"}
    return {**head, **line, "description": _DESCRIPTION, "$defs": parts}


def _closed(table: Mapping[str, Schema]) -> Schema:
    return {"properties": dict(table), "additionalProperties": False}


def _when(condition: Schema, then: Schema, otherwise: Schema | None = None) -> Schema:
    fields = {name: one if isinstance(one, dict) else {"const": one} for name, one in condition.items()}
    branches = {"then": then} | ({"else": otherwise} if otherwise else {})
    return {"if": {"properties": fields}, **branches}


def _transitions() -> list[Schema]:
    """What depends on the transition: there is something before unless it opens for the first time."""
    before = {"properties": {"previous": {"required": ["state", "fingerprint"]}}}
    nothing = {"properties": {"previous": {"maxProperties": 0}}}
    gone = {"anyOf": [{"enum": list(RESOLVED_BY)}, {"pattern": "^left-reach: .+$"}]}
    return [
        _when({"transition": "opened", "reopened": 0}, nothing, before),
        _when({"transition": "resolved"}, {"properties": {"cause": gone}}),
    ]


def _kinds(kinds: Mapping[str, KindRow], words: Mapping[str, Schema]) -> list[Schema]:
    """What depends on the kind: whom it is about, its states with their severity, its facts."""
    used = {name for row in kinds.values() for name in row.facts}
    same_names("facts", used, {name.rpartition(".")[2] for name in words})
    found = []
    for kind, row in kinds.items():
        facts = {name: words.get(f"{kind}.{name}", words[name]) for name in row.facts}
        then = {
            "subject": {"properties": {"type": {"enum": [str(one) for one in row.subjects]}}},
            "facts": {"properties": facts, "additionalProperties": False},
        }
        states = _states(row)
        if len(states) == 1:
            found.append(_when({"kind": kind}, {"properties": then | states[0]["properties"]}))
        else:
            found.append(_when({"kind": kind}, {"properties": then, "anyOf": states}))
    return found


def _states(row: KindRow) -> list[Schema]:
    by_severity: dict[Severity, list[str]] = {}
    for state, severity in row.severity.items():
        by_severity.setdefault(severity, []).append(state)
    return [
        {"properties": {"state": {"enum": states}, "severity": {"const": str(severity)}}}
        for severity, states in by_severity.items()
    ]


def _steps(part: Schema, rules: Rules, words: Mapping[str, Schema]) -> Schema:
    """Each step carries exactly the values of its row."""
    items = {item.step: item.values for row in rules.kinds.values() for item in row.remedy}
    same_names("values", {name for values in items.values() for name in values}, words)
    properties = part["properties"]
    properties["step"] |= {"enum": list(items)}
    properties["values"] |= _closed(words)
    exactly = [_when({"step": step}, _exactly(values)) for step, values in items.items()]
    return {"properties": properties, "allOf": exactly}


def _exactly(values: tuple[str, ...]) -> Schema:
    if not values:
        return {"properties": {"values": False}}
    names = {"required": list(values), "propertyNames": {"enum": list(values)}}
    return {"required": ["values"], "properties": {"values": names}}


def _once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


if __name__ == "__main__":
    PAGE.write_text(page())
