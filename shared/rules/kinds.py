"""The kinds of findings and the mute table, as rows of data (judgement.md §5): their shape and their loader.

`findings.toml` has one row a kind, `mutes.toml` one row an arrow. A row that cannot be used stops the load
with a `RulesError` that names file, key, problem and fix; nothing is guessed.
"""

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

from shared.model import Because, Finding, Severity, SubjectType
from shared.rules.errors import RulesError
from shared.rules.rows import only, read_toml, row, table

FINGERPRINT = ("state", "rule", "cause", "skus", "groups", "severity")
"""What a fingerprint may be made of; names, counts, seats and dates never are (judgement.md §5)."""

RESTS_ON = ("observed", "skus", "groups", "registration")
"""The readings whose times the journal notes with a finding, as `observedAt`, `skusAt` …; `observed` is the
reading of the user."""

PLACEHOLDERS = ("{subject}", "{about}")
"""What a portal link may leave open: the subject's object id, and the finding's `about`."""


KINDS = (
    "coverage",
    "assignment-error",
    "ends-soon",
    "not-a-person-licence",
    "licence-errors",
    "nested-members-unlicensed",
    "no-licence",
    "no-writeback-licence",
    "subscription-lapsing",
    "over-assigned",
    "seats-short",
    "seats-low",
    "sku-unknown",
    "sku-contested",
    "setting-needed",
    "setting-contradicted",
    "scope-mismatch",
    "directory-location-missing",
    "evidence-missing",
    "watch-unwell",
)
"""Every kind that `shared.findings` finds; each has a row (judgement.md §5)."""


class StepRow(msgspec.Struct, frozen=True):
    """One step of a kind's remedy: it applies in the circumstance `when`, once for each thing that is so.

    `values` names what the step's text can fill in.
    """

    when: str
    step: str
    values: tuple[str, ...]


class KindRow(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of finding.

    `severity` by state: its keys are the states this kind can have. `rule` by edition: the rule id that the
    finding cites; empty where no sentence of Microsoft's is behind it, and with `rule_of_verdict`: it cites
    the rule of the user's verdict. `remedy` in the order in which an administrator should try. `facts` names
    the values that a finding of this kind can carry. `permissions`: what it takes to read a piece of
    evidence or to mend a fault of the watch. `portals`: the link in states where the remedy starts elsewhere.
    `rests_on`: the readings of `RESTS_ON` that the finding is made from, and whose age it shows.
    """

    kind: str
    subjects: tuple[SubjectType, ...]
    severity: Mapping[str, Severity]
    fingerprint: tuple[str, ...]
    rule: Mapping[str, str]
    rule_of_verdict: bool
    facts: tuple[str, ...]
    remedy: tuple[StepRow, ...]
    portal: str
    permissions: Mapping[str, str] = {}
    portals: Mapping[str, str] = {}
    rests_on: tuple[str, ...] = ()

    @property
    def states(self) -> tuple[str, ...]:
        """The states a finding of this kind can have."""
        return tuple(self.severity)

    @property
    def steps(self) -> tuple[str, ...]:
        """The step codes of its remedy, each once, in order."""
        return tuple(dict.fromkeys(row.step for row in self.remedy))


class Match(enum.StrEnum):
    """Which symptoms a cause explains, of those whose kind and state fit the row."""

    ALL = "all"
    SAME_SUBJECT = "same-subject"
    SAME_ABOUT = "same-about"
    BECAUSE = "because"


class MuteRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """While a finding of kind `cause` is open, those of kind `symptom` that it explains are not told.

    `states` narrows the symptom; empty: in any state.
    """

    cause: str
    symptom: str
    match: Match
    states: tuple[str, ...] = ()

    def explains(
        self, cause_kind: str, cause_subject: str, cause_about: str, symptom: Finding, symptom_subject: str
    ) -> bool:
        """Whether an open finding of this kind, subject and about keeps the symptom from being told.

        Subjects are object ids; the tenant's is its tenant id on both sides. A `Because` without subject
        points to a finding of the tenant, one with a subject to that group's.
        """
        if cause_kind != self.cause or symptom.kind != self.symptom:
            return False
        if self.states and symptom.state not in self.states:
            return False
        match self.match:
            case Match.ALL:
                return True
            case Match.SAME_SUBJECT:
                return cause_subject == symptom_subject
            case Match.SAME_ABOUT:
                return cause_about == symptom.about
            case Match.BECAUSE:
                return any(self._points_to(cause_subject, cause_about, one) for one in symptom.because)

    def _points_to(self, subject: str, about: str, because: Because) -> bool:
        return because.kind == self.cause and because.about == about and because.subject in ("", subject)


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    subjects: tuple[SubjectType, ...]
    severity: dict[str, Severity]
    fingerprint: tuple[str, ...]
    rule: dict[str, str] | str
    remedy: tuple[dict[str, str], ...]
    portal: str
    facts: tuple[str, ...] = ()
    permissions: dict[str, str] = {}
    portals: dict[str, str] = {}
    rests_on: tuple[str, ...] = ()


def load_kinds(path: Path) -> Mapping[str, KindRow]:
    """The rows of a findings file, by kind. Raises `RulesError`."""
    raw, file = read_toml(path), path.name
    only(raw, ("steps", "kind"), file)
    steps = {key: _names(one, file, f"steps.{key}") for key, one in table(raw, file, "steps").items()}
    kinds = {key: _kind(file, key, one, steps) for key, one in table(raw, file, "kind").items()}
    used = {step for kind in kinds.values() for step in kind.steps}
    for step in steps:
        if step not in used:
            fix = "use it in a remedy or delete it"
            raise RulesError(file, f"steps.{step}", "no kind uses this step", fix)
    return kinds


def _names(raw: object, file: str, key: str) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(one, str) for one in raw):
        raise RulesError(file, key, "not a list of words", 'write ["sku", …]: what its text can fill in')
    return tuple(cast(list[str], raw))


def load_mutes(path: Path) -> tuple[MuteRow, ...]:
    """The rows of a mute file, in order. Raises `RulesError`."""
    raw, file = read_toml(path), path.name
    only(raw, ("mute",), file)
    rows = raw.get("mute")
    if not isinstance(rows, list) or not rows:
        raise RulesError(file, "mute", "the table has no rows", "add a [[mute]] for each arrow")
    mutes: list[MuteRow] = []
    for number, one in enumerate(rows, start=1):
        mute = row(MuteRow, one, file, f"mute[{number}]")
        if mute in mutes:
            raise RulesError(file, f"mute[{number}]", "the same row stands twice", "delete one of them")
        mutes.append(mute)
    return tuple(mutes)


def check_rows(
    kinds: Mapping[str, KindRow],
    mutes: tuple[MuteRow, ...],
    editions: Mapping[str, frozenset[str]],
    *,
    file: str = "findings.toml",
    mutes_file: str = "mutes.toml",
) -> None:
    """Check what no single file can: raises `RulesError`.

    Every kind of `KINDS` has a row and no other has; mute rows name kinds and states that exist; a kind that
    cites a rule of its own cites one for every edition (`editions`: the rule ids of each), or an empty one.
    """
    for kind in KINDS:
        if kind not in kinds:
            fix = f"add a table [kind.{kind}]"
            raise RulesError(file, f"kind.{kind}", "the kind has no row", fix)
    for kind, one in kinds.items():
        if kind not in KINDS:
            fix = f"delete it or name one of {', '.join(KINDS)}"
            raise RulesError(file, f"kind.{kind}", "nothing finds this kind", fix)
        if one.rule:
            _check_rule(file, one, editions)
    for number, mute in enumerate(mutes, start=1):
        _check_mute(mutes_file, f"mute[{number}]", mute, kinds)


def _check_rule(file: str, row: KindRow, editions: Mapping[str, frozenset[str]]) -> None:
    key = f"kind.{row.kind}.rule"
    for edition, rules in editions.items():
        if edition not in row.rule:
            fix = f'add "{edition}" = "<rule id>", or "" if that edition has no such rule'
            raise RulesError(file, key, f"edition {edition} is missing", fix)
        rule = row.rule[edition]
        if rule and rule not in rules:
            fix = f"name one of {', '.join(sorted(rules))}"
            raise RulesError(file, key, f"edition {edition} has no rule {rule}", fix)
    for edition in row.rule:
        if edition not in editions:
            fix = f"name one of {', '.join(sorted(editions))}"
            raise RulesError(file, key, f"there is no edition {edition}", fix)


def _check_mute(file: str, key: str, mute: MuteRow, kinds: Mapping[str, KindRow]) -> None:
    for field, kind in (("cause", mute.cause), ("symptom", mute.symptom)):
        if kind not in kinds:
            fix = f"name one of {', '.join(kinds)}"
            raise RulesError(file, f"{key}.{field}", f"there is no kind {kind}", fix)
    for state in mute.states:
        if state not in kinds[mute.symptom].severity:
            fix = f"name one of {', '.join(kinds[mute.symptom].states)}"
            raise RulesError(file, f"{key}.states", f"{mute.symptom} has no state {state}", fix)


def _kind(file: str, kind: str, raw: object, steps: Mapping[str, tuple[str, ...]]) -> KindRow:
    key = f"kind.{kind}"
    read = row(_Row, raw, file, key)
    if not read.subjects:
        fix = f"name one of {', '.join(SubjectType)}"
        raise RulesError(file, f"{key}.subjects", "the kind has no subject", fix)
    if not read.severity:
        fix = 'write severity = { <state> = "high" }, an entry for each state'
        raise RulesError(file, f"{key}.severity", "the kind has no state", fix)
    _check_fingerprint(file, key, read)
    _check_portal(file, f"{key}.portal", read.portal)
    for state, portal in read.portals.items():
        if state not in read.severity:
            fix = f"name one of {', '.join(read.severity)}"
            raise RulesError(file, f"{key}.portals.{state}", "the kind has no such state", fix)
        _check_portal(file, f"{key}.portals.{state}", portal)
    for name in read.rests_on:
        if name not in RESTS_ON:
            fix = f"choose from {', '.join(RESTS_ON)}"
            raise RulesError(file, f"{key}.rests_on", f"{name!r} is no reading that is noted", fix)
    if not read.rule or (isinstance(read.rule, str) and read.rule not in ("verdict", "none")):
        fix = 'write rule = "verdict", "none", or a rule id for each edition'
        raise RulesError(file, f"{key}.rule", f"says nothing: {read.rule!r}", fix)
    return KindRow(
        kind=kind,
        subjects=read.subjects,
        severity=read.severity,
        fingerprint=read.fingerprint,
        rule={} if isinstance(read.rule, str) else read.rule,
        rule_of_verdict=read.rule == "verdict",
        facts=read.facts,
        remedy=_remedy(file, key, read, steps),
        portal=read.portal,
        permissions=read.permissions,
        portals=read.portals,
        rests_on=read.rests_on,
    )


def _check_portal(file: str, key: str, portal: str) -> None:
    if not portal.startswith("https://"):
        fix = "give the https address of the page where the remedy starts"
        raise RulesError(file, key, f"not a link: {portal!r}", fix)
    rest = portal
    for one in PLACEHOLDERS:
        rest = rest.replace(one, "")
    if "{" in rest or "}" in rest:
        fix = f"only {' and '.join(PLACEHOLDERS)} are filled in"
        raise RulesError(file, key, "leaves something open that nothing fills in", fix)


def _check_fingerprint(file: str, key: str, row: _Row) -> None:
    key = f"{key}.fingerprint"
    for field in row.fingerprint:
        if field not in FINGERPRINT:
            fix = f"choose from {', '.join(FINGERPRINT)}"
            raise RulesError(file, key, f"{field!r} may not be part of a fingerprint", fix)
    if len(set(row.fingerprint)) != len(row.fingerprint):
        raise RulesError(file, key, "a field stands twice", "name each field once")
    if "state" not in row.fingerprint:
        raise RulesError(file, key, "the state is missing", 'start with "state"')


def _remedy(file: str, key: str, read: _Row, steps: Mapping[str, tuple[str, ...]]) -> tuple[StepRow, ...]:
    if not read.remedy:
        fix = "add remedy = [{ when = …, step = … }]: nobody is told of what they can't mend"
        raise RulesError(file, f"{key}.remedy", "the kind has no remedy", fix)
    remedy: list[StepRow] = []
    for number, item in enumerate(read.remedy, start=1):
        where = f"{key}.remedy[{number}]"
        if set(item) != {"when", "step"}:
            raise RulesError(file, where, f"has keys {sorted(item)}", "give when and step")
        if item["step"] not in steps:
            fix = f"describe it in [steps] or name one of {', '.join(steps)}"
            raise RulesError(file, where, f"unknown step {item['step']!r}", fix)
        one = StepRow(item["when"], item["step"], steps[item["step"]])
        if one in remedy:
            raise RulesError(file, where, "the same step stands twice", "delete one of them")
        remedy.append(one)
    return tuple(remedy)
