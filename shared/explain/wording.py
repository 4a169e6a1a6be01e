"""A proof in words: lines for a terminal, in the language of a catalogue. Pure.

What people named is made harmless; a code without a text is shown as it is.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import msgspec

from shared.explain.proof import (
    LEDGER,
    NOT_ASKED,
    PASSED,
    ByEdition,
    Change,
    FactRead,
    Licence,
    Proof,
    ReachStep,
    Step,
)
from shared.model import EvidenceStatus, Holding, State, Tier, Verdict
from shared.reach import EXCLUSIONS
from shared.rules.loader import Rules
from shared.texts.catalogue import Catalogue
from shared.texts.plain import one_line

WIDTH = 80

TITLE, HEADING, TEXT, QUIET = "title", "heading", "text", "quiet"
"""What a line is: the answer, the name of a part, what is said there, and where it comes from."""

_QUOTED = 400
_EXCLUDED = frozenset(one.code for one in EXCLUSIONS)
_SECONDS_A_DAY = 86_400


class Line(msgspec.Struct, frozen=True):
    """One paragraph, so many steps indented. `state`: of which it speaks, if of one."""

    text: str
    style: str = TEXT
    depth: int = 0
    state: str = ""


def shown(lines: Iterable[Line], width: int = WIDTH) -> Iterator[tuple[Line, str]]:
    """Each line with its text wrapped to the width; an empty one before every part."""
    for line in lines:
        if line.style == HEADING and line.depth == 0:
            yield Line(""), ""
        margin = "  " * line.depth
        further = margin + ("" if line.style in (TITLE, HEADING) else "  ")
        wrapped = textwrap.fill(
            line.text,
            width,
            initial_indent=margin,
            subsequent_indent=further,
            break_on_hyphens=False,
        )
        yield line, wrapped


def as_text(lines: Iterable[Line], width: int = WIDTH) -> str:
    """The whole without colour."""
    return "".join(f"{text}\n" for _, text in shown(lines, width))


def worded(proof: Proof, rules: Rules, texts: Catalogue) -> tuple[Line, ...]:
    """The proof in words: the answer first, then what it rests on."""
    return tuple(_Wording(proof, rules, texts).lines())


class _Wording:
    def __init__(self, proof: Proof, rules: Rules, texts: Catalogue) -> None:
        self._proof, self._rules, self._texts = proof, rules, texts
        self._names = {one.sku_id: one.name for one in proof.licences}

    def lines(self) -> Iterator[Line]:
        yield from self._answer()
        yield from self._reach()
        yield from self._licences()
        yield from self._editions()
        if "changes" not in self._proof.lacks:
            yield from self._changes()
        yield from self._facts()

    # --- parts --------------------------------------------------------------------------------------------

    def _answer(self) -> Iterator[Line]:
        proof, governing = self._proof, self._proof.editions[0]
        verdict = governing.verdict
        yield Line(
            self._say("title", who=self._who(), state=self._state(proof.state)), TITLE, state=proof.state
        )
        key = "by_rule" if verdict.rule else "by_page"
        day, cause = self._day(governing.edition), self._cause(verdict)
        yield Line(self._say(key, date=day, rule=verdict.rule, cause=cause))
        yield Line(self._say(f"from_{proof.source}"), QUIET)

    def _reach(self) -> Iterator[Line]:
        yield self._heading("in_reach")
        steps = self._proof.editions[0].reach
        looked = [text for one in steps if (text := self._excluded(one))]
        if looked:
            yield Line(self._say("excluded_by_nothing", steps="; ".join(looked)), depth=1)
        for one in steps:
            if one.code not in _EXCLUDED or one.outcome not in (PASSED, NOT_ASKED):
                yield Line(self._reached(one), depth=1)

    def _licences(self) -> Iterator[Line]:
        yield self._heading("licences")
        if not self._proof.licences:
            yield Line(self._say("no_licences"), depth=1)
        holdings = {one.sku_id: one for one in self._proof.editions[0].verdict.holdings}
        counted = self._proof.editions[0].verdict.counted
        for one in self._proof.licences:
            yield Line(
                self._say("licence", sku=self._sku(one.sku_id), part_number=one_line(one.part_number)),
                HEADING,
                1,
            )
            if holding := holdings.get(one.sku_id):
                yield Line(self._counts(holding), depth=2)
                yield from self._sides(self._proof.editions[0], holding)
                yield from (Line(self._code("warnings", code), depth=2) for code in holding.warnings)
            elif self._proof.source == LEDGER:
                answer = "yes" if one.sku_id in counted else "no"
                yield Line(self._say("counted", answer=self._say("answers", answer)), depth=2)
            yield from self._facts_of(one)

    def _facts_of(self, one: Licence) -> Iterator[Line]:
        """What was read of one licence, whatever an edition makes of it."""
        if "licences" not in self._proof.lacks:
            plans = [
                self._say("plan_on" if plan.on else "plan_off", plan=self._code("plans", plan.key))
                for plan in one.plans
            ]
            said = self._say("plans_in", plans=", ".join(plans)) if plans else self._say("no_plans")
            yield Line(said, depth=2)
            for source in one.sources:
                how = self._how(source.group, source.group_name)
                key = "source_error" if source.error else "source"
                error = self._error(source.error)
                yield Line(self._say(key, how=how, state=one_line(source.state), error=error), depth=2)
            if not one.assigned:
                yield Line(self._say("failed_only"), depth=2)
        if one.seats is None:
            yield Line(self._say("no_seats"), depth=2)
            return
        seats = one.seats
        number = self._texts.number
        value = self._texts.text(
            "facts",
            "seats_value",
            consumed=number(seats.consumed),
            usable=number(seats.usable),
            free=number(seats.free),
        )
        yield Line(self._say("seats", seats=value, status=one_line(seats.status)), depth=2)

    def _editions(self) -> Iterator[Line]:
        yield self._heading("editions")
        for one in self._proof.editions:
            yield from self._edition(one)
        shown_already = {one.edition for one in self._proof.editions}
        for edition, state in self._proof.differing.items():
            if edition not in shown_already:
                text = self._say("differs", date=self._day(edition), state=self._state(state))
                yield Line(text, depth=1, state=state)

    def _edition(self, one: ByEdition) -> Iterator[Line]:
        verdict = one.verdict
        key = "edition_governs" if one.governs else "edition"
        state = self._state(verdict.state)
        yield Line(self._say(key, date=self._day(one.edition), state=state), HEADING, 1, verdict.state)
        yield Line(self._say("cause", cause=self._cause(verdict)), depth=2)
        if verdict.state is not State.NOT_IN_REACH:
            answers = {
                part: self._say("answers", getattr(verdict, part).answer) for part in ("reset", "writeback")
            }
            yield Line(self._say("parts", **answers), depth=2)
        if not one.governs:
            yield from self._otherwise(one)
        for rule in one.rules:
            short = self._texts.find("rules", one.edition, rule.id) or rule.id
            yield Line(self._say("rule", rule=rule.id, short=short), depth=2)
            for note in one.notes:
                if note.rule == rule.id:
                    yield Line(self._say("notes", note.code, sku=self._sku(note.about)), depth=3)
            key = "quote_row" if rule.table_row else "quote"
            yield Line(self._say(key, quote=one_line(rule.quote, _QUOTED)), QUIET, 3)
        for source in dict.fromkeys(rule.source for rule in one.rules):
            yield Line(self._say("quoted_from", source=one_line(source, _QUOTED)), QUIET, 2)

    def _otherwise(self, one: ByEdition) -> Iterator[Line]:
        """The licences that this edition reads otherwise than the governing one."""
        governing = {holding.sku_id: holding for holding in self._proof.editions[0].verdict.holdings}
        for holding in one.verdict.holdings:
            if self._counts(holding) != self._counts(governing[holding.sku_id]):
                said = self._say("by_edition", sku=self._sku(holding.sku_id), counts=self._counts(holding))
                yield Line(said, depth=2)
                yield from self._sides(one, holding)

    def _changes(self) -> Iterator[Line]:
        yield self._heading("changes")
        proof = self._proof
        if not proof.changes:
            yield Line(self._say("nothing"), depth=1)
        for one in proof.changes:
            yield self._change(one)
        if proof.further:
            yield Line(self._say("further", n=self._texts.number(proof.further)), depth=1)
        direct = any(step.code in ("assign", "buy") for one in proof.changes for step in one.steps)
        if direct and not proof.account.usage_location:
            yield Line(self._texts.text("steps", "set-usage-location"), depth=1)

    def _change(self, one: Change) -> Line:
        governing = self._proof.editions[0].edition
        state = one.states[governing]
        what = self._and([self._step(step) for step in one.steps])
        for edition, other in sorted(one.states.items()):
            if other is not state:
                said = self._say(
                    "change_differs",
                    what=what,
                    state=self._state(state),
                    date=self._day(edition),
                    other=self._state(other),
                )
                return Line(said, depth=1, state=state)
        return Line(self._say("change", what=what, state=self._state(state)), depth=1, state=state)

    def _facts(self) -> Iterator[Line]:
        yield self._heading("facts")
        proof = self._proof
        if "account" not in proof.lacks:
            yield from self._account()
        for one in proof.facts:
            name = self._texts.find("evidence", one.name) or one.name
            said = self._say("fact", evidence=name, how=self._read(one))
            yield Line(_begun(said), depth=1)

    def _account(self) -> Iterator[Line]:
        account, known = self._proof.account, self._proof.known
        enabled = {True: "on", False: "off", None: "enabled_unknown"}[account.enabled]
        values = {
            "enabled": self._say("values", enabled),
            "synced": self._say("values", "synced" if account.synced else "cloud"),
            "location": one_line(account.usage_location or "") or self._say("values", "no_location"),
        }
        yield Line(self._say("account", **values), depth=1)
        row = known.registration
        if row is None:
            yield Line(self._say("no_row"), depth=1)
            return
        answers = {
            "enabled": row.sspr_enabled,
            "registered": row.sspr_registered,
            "capable": row.sspr_capable,
            "admin": row.admin,
        }
        said = {name: self._say("answers", "yes" if yes else "no") for name, yes in answers.items()}
        yield Line(self._say("row", **said), depth=1)
        if not known.report_in_force:
            yield Line(self._say("old_row"), depth=1)

    # --- words --------------------------------------------------------------------------------------------

    def _say(self, *path: str, **values: str | int) -> str:
        return self._texts.text("explain", *path, **values)

    def _code(self, section: str, code: str) -> str:
        return self._texts.find("explain", section, code) or one_line(code)

    def _heading(self, key: str) -> Line:
        return Line(self._say(key), HEADING)

    def _who(self) -> str:
        account = self._proof.account
        name, upn = one_line(account.name), one_line(account.upn)
        if name and upn and name != upn:
            return self._say("who", name=name, upn=upn)
        return name or upn or self._texts.text("format", "unnamed_user", id=one_line(account.id))

    def _state(self, state: str) -> str:
        return self._texts.find("states", state) or state

    def _day(self, edition: str) -> str:
        return self._texts.day(date.fromisoformat(edition))

    def _cause(self, verdict: Verdict) -> str:
        section = "reach" if verdict.state is State.NOT_IN_REACH else "causes"
        return self._texts.find(section, verdict.cause) or one_line(verdict.cause)

    def _reason(self, code: str) -> str:
        return self._texts.find("reach", code) or one_line(code)

    def _excluded(self, one: ReachStep) -> str:
        """An exclusion that does not hold, or is not asked for; empty for any other step."""
        if one.code not in _EXCLUDED or one.outcome not in (PASSED, NOT_ASKED):
            return ""
        return self._code("passed" if one.outcome == PASSED else "left_out", one.code)

    def _reached(self, one: ReachStep) -> str:
        reason = self._reason(one.code)
        if one.missing:
            evidence = self._texts.find("evidence", one.missing) or one.missing
            return self._say("unknown", reason=reason, evidence=evidence)
        if one.outcome == PASSED:
            return self._say("reset_in_scope", reason=reason)
        return self._say({"in": "in", "not-yet": "not_yet"}.get(one.answer, "out"), reason=reason)

    def _counts(self, holding: Holding) -> str:
        reason = self._code("reasons", holding.reason)
        if holding.reset == "no":
            return self._say("counts_not", reason=reason)
        if holding.reset == "undetermined":
            return self._say("counts_unknown", reason=reason)
        return self._say("counts_p1" if holding.tier is Tier.P1 else "counts_cloud", reason=reason)

    def _sides(self, edition: ByEdition, holding: Holding) -> Iterator[Line]:
        """Where Microsoft contradicts itself: the source of either side."""
        if holding.reason not in ("contested", "contested-no") and "contested" not in holding.warnings:
            return
        for one in edition.said.get(holding.sku_id, ()):
            if one.answer == "contested":
                yield Line(self._say("sides", yes=one.yes, no=one.no), QUIET, 2)
                return

    def _how(self, group: str, name: str) -> str:
        if not group:
            how = self._texts.text("format", "direct")
        else:
            shown_as = one_line(name) or self._texts.text("format", "unnamed_group", id=one_line(group))
            how = self._texts.text("format", "by_group", group=shown_as)
        return _begun(how)

    def _error(self, code: str) -> str:
        meaning = self._texts.find("errors", code)
        return f"{meaning} ({code})" if meaning else one_line(code)

    def _step(self, step: Step) -> str:
        if step.code == "set-setting":
            setting, _, value = step.about.partition("=")
            return self._say("steps", step.code, setting=setting, value=value)
        values: dict[str, str | int] = {"sku": self._sku(step.about)}
        if step.code == "buy":
            values["tier"] = self._texts.text("tiers", step.about)
        if step.free is not None:
            values["free"] = self._texts.number(step.free)
        return self._say("steps", step.code, **values)

    def _sku(self, sku_id: str) -> str:
        return one_line(self._names.get(sku_id) or self._rules.skus.name(sku_id))

    def _and(self, texts: Sequence[str]) -> str:
        """Steps that belong together; those after the first go on in the midst of the sentence."""
        first, *rest = texts
        for one in rest:
            first = self._texts.text("format", "and", first=first, last=one[:1].lower() + one[1:])
        return first

    def _read(self, one: FactRead) -> str:
        if one.read_at is None:
            unread = {EvidenceStatus.FORBIDDEN: "forbidden", EvidenceStatus.FAILED: "failed"}
            return self._say(unread.get(EvidenceStatus(one.status), "never"))
        at, days = self._texts.moment(one.read_at), (one.age_seconds or 0) // _SECONDS_A_DAY
        if one.status != EvidenceStatus.OK:
            return self._say("read_failed", at=at, days=days)
        return self._say("read_days", at=at, days=days) if days > 1 else self._say("read", at=at)


def _begun(text: str) -> str:
    """As a sentence begins."""
    return text[:1].upper() + text[1:]
