"""A finding in plain words: title, state, cause, rule, remedy, with names joined and made harmless. Pure.

A code without a text never stops a card: it is shown as it is. Tests see to it that there is none.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from shared.findings.failures import CODES
from shared.model import Moment, State, Step, SubjectType, utc
from shared.notify.entries import Entry
from shared.notify.messages import Item
from shared.notify.saying.names import Names
from shared.rules.loader import Rules
from shared.texts.catalogue import Catalogue, MissingText
from shared.texts.plain import plain

LISTED = 5
"""So many names stand in a sentence; the rest is a number."""

OLD = timedelta(hours=48)
"""Evidence older than this is shown with its age."""

NOT_BY_REPORT = ("everyone", "scope-group", "assumed")
"""Why a user is in reach whom the registration report did not put there."""

FAULT = "watch-unwell"
"""The kind whose words depend on what it is about: see `problems` in the catalogue."""

OFFER = "assign-free-seat"
"""The step of which a remedy has one for each product with a free seat."""

VARIANTS = {
    "assign-free-seat": ("groups", "assign-free-seat-by-group", "assign-free-seat"),
    "buy-seats": ("seats", "buy-seats", "buy-seats-uncounted"),
    "free-seats": ("seats", "free-seats", "free-seats-uncounted"),
    "reclaim-seats": ("sample", "reclaim-seats", "reclaim-seats-unlisted"),
    "buy-licence": ("seats", "buy-licence", "buy-licence-uncounted"),
    "view-error-details": ("code", "view-error-details", "view-error-details-uncoded"),
    "set-usage-location": ("directory", "set-usage-location-inherited", "set-usage-location"),
    "fix-usage-location": ("group", "fix-usage-location-by-group", "fix-usage-location"),
}
"""Steps that read differently with and without a value: the value, the text with it, the text without."""

SETTINGS = {
    "PASSWORD_WRITEBACK": "set-setting-writeback",
    "CONTESTED": "set-setting-contested",
    "RESOURCE_ACCOUNTS": "set-setting-resources",
}
"""The text of `set-setting` for each setting that a remedy names: where to look, and what it can be."""

INSTEAD_OF = {"buy-seats": ("free-seats", "reclaim-seats")}
"""Steps that are another way to the same seats: after one of those for the same product they say Or."""

_LONG_CODE = 60


class Wording(msgspec.Struct, frozen=True):
    """Puts entries into the words of one catalogue."""

    texts: Catalogue
    names: Names
    rules: Rules

    def title(self, item: Item) -> str:
        """The card's title; only what `is_fixed` is called fixed, any other end is called closed."""
        entry = item.entry
        title = self._of_fault(entry, "title") or self._text(
            entry.kind, "kinds", entry.kind, "title", entry.state
        )
        if item.moment is Moment.CHANGED:
            return self.texts.text("card", "changed", title=title)
        if item.moment is Moment.RESOLVED and is_fixed(entry):
            fixed = self._of_fault(entry, "fixed") or self._text(entry.kind, "kinds", entry.kind, "fixed")
            return self.texts.text("card", "fixed", title=fixed)
        if item.moment is Moment.RESOLVED:
            return self.texts.text("card", "closed", title=title)
        return title

    def label(self, kind: str, state: str, n: int, *, end: str = "") -> str:
        """The words beside a count of findings; `end`: they are `over`, even `mended`, or (empty) stand."""
        form = "one" if n == 1 else "label"
        if end == "mended" and (mended := self.texts.find("kinds", kind, f"mended_{form}", state)):
            return mended
        label = self._text(f"{kind}: {state}", "kinds", kind, form, state)
        return self.texts.text("summary", "no_longer", label=label) if end else label

    def line(self, entry: Entry) -> str:
        """One finding in one line: whom it is about, how it stands and why."""
        subject = self.subject(entry)
        if entry.ended is not None:
            return self.texts.text("summary", "line", subject=subject, label=self.state(entry))
        label = self.short(entry.kind, entry.state)
        cause = self.cause(entry)
        key = "line_cause" if cause else "line"
        return self.texts.text("summary", key, subject=subject, label=label, cause=cause)

    def short(self, kind: str, state: str) -> str:
        """A state behind a name."""
        return self.texts.find("kinds", kind, "line", state) or self._text(
            kind, "kinds", kind, "title", state
        )

    def state(self, entry: Entry) -> str:
        """How the finding stands, or why it ended."""
        if entry.ended is None:
            return (
                self._of_fault(entry, "state")
                or self._sentence(entry)
                or self.state_of(entry.kind, entry.state)
            )
        cause = entry.ended.cause
        if cause.startswith("left-reach"):
            code = cause.partition(":")[2].strip()
            return self.texts.text("ended", "left-reach", reason=self._text(code, "reach", code))
        return self.texts.find("ended", cause) or self.texts.text("ended", "other", cause=plain(cause))

    def _sentence(self, entry: Entry) -> str | None:
        """The state with the finding's facts, where the kind has such a sentence and all are known."""
        path = ("kinds", entry.kind, "sentence", entry.state)
        if self.texts.find(*path) is None:
            return None
        places = self.texts.places(*path)
        values = {name: self.value(name, entry.facts.get(name)) for name in places - {"about"}}
        values["about"] = self.about(entry)
        return self.texts.text(*path, **values) if all(values.values()) else None

    def _said(self, entry: Entry) -> frozenset[str]:
        """The facts that the sentence of the state holds already."""
        if entry.ended is not None or self._sentence(entry) is None:
            return frozenset()
        return self.texts.places("kinds", entry.kind, "sentence", entry.state)

    def state_of(self, kind: str, state: str) -> str:
        """A state of a kind in plain words."""
        return self._text(state, "kinds", kind, "state", state)

    def why(self, entry: Entry) -> str:
        """Why anyone is told of this kind of thing; of a fault of the watch, first what is held meanwhile."""
        by_state = self.texts.find("kinds", entry.kind, "why_of", entry.state)
        why = by_state or self._text(entry.kind, "kinds", entry.kind, "why")
        held = self._of_fault(entry, "held") if entry.open else None
        return f"{held} {why}" if held else why

    def subject(self, entry: Entry) -> str:
        """Whom it is about, with what tells several of its kind apart."""
        about = self.about(entry)
        subject = self.names.subject(entry.subject_type, entry.subject_id)
        return f"{subject}: {about}" if about else subject

    def about(self, entry: Entry) -> str:
        """What of several of one kind it is: a product, a setting, a piece of evidence; empty if only one."""
        if not entry.about:
            return ""
        if entry.about in entry.skus or self.rules.skus.get(entry.about):
            return self.names.sku(entry.about)
        if entry.kind == "evidence-missing":
            return self.evidence(entry.about)
        if name := self._of_fault(entry, "name"):
            return name
        return self.texts.find("tiers", entry.about) or plain(entry.about, _LONG_CODE)

    def evidence(self, code: str) -> str:
        """A piece of evidence in words; `trial:<sku id>` is about one product."""
        if code.startswith("trial:"):
            return self.texts.text("evidence", "trial", sku=self.names.sku(code.partition(":")[2]))
        return self._text(code, "evidence", code)

    def cause(self, entry: Entry) -> str:
        """The cause in words; empty where the kind needs none."""
        if entry.cause in ("", entry.about) or entry.kind == FAULT:
            return ""
        if entry.kind in ("assignment-error", "licence-errors"):
            return self.error(entry.cause)
        return self._text(entry.cause, "causes", entry.cause)

    def error(self, code: str) -> str:
        """A code of group licensing with its meaning; only one of both where nobody else has the other."""
        meaning = self.texts.find("errors", code)
        shown = plain(code, _LONG_CODE)
        if meaning is None:
            return shown
        return f"{meaning} ({shown})" if code in CODES else meaning

    def evidence_age(self, entry: Entry, at: datetime) -> str | None:
        """How old the oldest evidence is that the finding rests on; None unless it is older than 48 hours.

        `Rests on the registration report, read on 3 March 2026, 09:00 UTC: 3 days old.` An entry has
        the times of the journal line that made it. What was read again since, without any news, left no line:
        so `at` is when that line was written or first told, not when it is told again. Without evidence there
        is no age.
        """
        row = self.rules.kinds.get(entry.kind)
        read: list[tuple[datetime, str]] = []
        for name in row.rests_on if row else ():
            if name == "registration" and entry.facts.get("reach") in NOT_BY_REPORT:
                continue
            try:
                read.append((utc(entry.evidence[f"{name}At"]), name))
            except (KeyError, ValueError):
                continue
        if not read:
            return None
        oldest, name = min(read)
        if at - oldest <= OLD:
            return None
        return self.texts.text(
            "evidence_age",
            "rests_on",
            evidence=self.evidence(name),
            at=self.texts.moment(oldest),
            days=self.texts.number((at - oldest).days),
        )

    def rule(self, entry: Entry) -> str:
        """The rules, each with what it says in short, and their source: `S7: … — Microsoft's page of …`."""
        ids = [entry.rule] if entry.rule else []
        edition = self.rules.editions.get(entry.edition)
        if entry.state == State.WRITEBACK_UNCOVERED and edition:
            # The verdict has two parts, and both are cited: the one about the reset comes first.
            cells = (
                cell
                for cell in edition.cells.values()
                if (cell.state, cell.rule) == (entry.state, entry.rule)
            )
            ids = [*(cell.reset.rule for cell in cells if cell.reset.rule), *ids]
        if not ids:
            return self.texts.text("card", "no_rule")
        shown = "; ".join(dict.fromkeys(self._rule(entry.edition, one) for one in ids))
        return self.texts.text("card", "rule_source", rules=shown, date=self.edition_day(entry.edition))

    def _rule(self, edition: str, rule: str) -> str:
        short, shown = self.texts.find("rules", edition, rule), plain(rule, _LONG_CODE)
        return f"{shown}: {short}" if short else shown

    def edition_day(self, edition: str) -> str:
        """The date of an edition's page."""
        known = self.rules.editions.get(edition)
        return self.texts.day(known.date) if known else plain(edition)

    def facts(self, entry: Entry) -> list[tuple[str, str]]:
        """The finding's facts that have a title, in their own order."""
        said = self._said(entry)
        facts = {name: value for name, value in entry.facts.items() if name not in said}
        rows: list[tuple[str, str]] = []
        if _counts(facts, "usable", "consumed"):
            used, usable = facts.pop("consumed"), facts.pop("usable")
            free = facts.pop("free", max(0, usable - used))
            seats = {"consumed": used, "usable": usable, "free": free}
            shown = {name: self.texts.number(int(value)) for name, value in seats.items()}
            rows.append((self.texts.text("facts", "seats"), self.texts.text("facts", "seats_value", **shown)))
        if facts.get("codes") == [entry.cause]:
            del facts["codes"]
        if facts.get("group_skus") == [entry.about]:
            del facts["group_skus"]
        for name, value in facts.items():
            title = self.texts.find("kinds", entry.kind, "facts", name) or self.texts.find("facts", name)
            shown_value = self.value(name, value) if title else ""
            if title and shown_value:
                rows.append((title, shown_value))
        return rows

    def value(self, name: str, value: Any) -> str:
        """A value of a fact or step in words: ids become names, counts numbers, times dates."""
        if value is None or value == "" or value == () or value == []:
            return ""
        if isinstance(value, bool):
            return self.texts.text("format", "yes" if value else "no")
        if isinstance(value, int):
            return self.texts.number(value)
        if isinstance(value, Mapping):
            return "; ".join(
                f"{self.value(name, key)}: {self.value(name, one)}"
                for key, one in list(value.items())[:LISTED]
            )
        if isinstance(value, list | tuple):
            return self._listed(name, value)
        return self._word(name, str(value))

    def _word(self, name: str, text: str) -> str:
        match name:
            case "sku" | "skus" | "group_skus" | "short" | "held" | "lost":
                return self.names.sku(text)
            case "group" | "groups":
                return self.names.group(text)
            case "sample":
                return self.names.user(text)
            case "code" | "codes":
                return self.error(text)
            case "evidence":
                return self.evidence(text)
            case "problem":
                return self.texts.find("evidence", text) or plain(text, _LONG_CODE)
            case "would_be" | "becomes":
                return self.texts.find("states", text) or plain(text, _LONG_CODE)
            case "tier" | "needs":
                return self.texts.find("tiers", text) or plain(text, _LONG_CODE)
            case _ if name.endswith("_at"):
                return self._moment(text)
            case _:
                return plain(text)

    def _moment(self, text: str) -> str:
        try:
            return self.texts.moment(utc(text))
        except ValueError:
            return plain(text, _LONG_CODE)

    def _listed(self, name: str, values: Iterable[Any]) -> str:
        words = [word for word in (self.value(name, one) for one in values) if word]
        shown, rest = words[:LISTED], len(words) - LISTED
        if rest > 0:
            more = self.texts.number(rest)
            return self.texts.text("format", "more", first=", ".join(shown), n=more)
        if len(shown) > 1:
            return self.texts.text("format", "and", first=", ".join(shown[:-1]), last=shown[-1])
        return "".join(shown)

    def steps(self, entry: Entry) -> list[str]:
        """The remedy's steps as sentences, in order; products with a free seat are one: any of them does."""
        if remedy := self._of_fault(entry, "remedy"):
            return [remedy]
        offers = [step for step in entry.remedy if step.step == OFFER]
        sentences: dict[str, None] = {}
        for number, step in enumerate(entry.remedy):
            several = step.step == OFFER and len(offers) > 1
            instead = _instead(step, entry.remedy[:number])
            sentences.setdefault(self._any_of(offers) if several else self.step(step, instead=instead))
        return list(sentences)

    def _any_of(self, offers: Sequence[Step]) -> str:
        shown = []
        for step in offers:
            values = {name: self.value(name, value) for name, value in step.values.items()}
            form = "offer_by_group" if step.values.get("groups") else "offer"
            shown.append(self.texts.text("format", form, **values))
        by_group = any(step.values.get("groups") for step in offers)
        form = "assign_any_of_or_join" if by_group else "assign_any_of"
        return self.texts.text("format", form, offers="; ".join(shown))

    def step(self, step: Step, *, instead: bool = False) -> str:
        """One step of a remedy as a sentence; `instead`: it is another way to what an earlier one does."""
        values = {name: self.value(name, value) for name, value in step.values.items()}
        if "group" in values:
            how = "by_group" if values["group"] else "direct"
            values["how"] = self.texts.text("format", how, group=values["group"])
        code = step.step
        if code in VARIANTS:
            value, given, empty = VARIANTS[code]
            code = given if step.values.get(value) else empty
        elif code == "set-setting":
            code = SETTINGS.get(str(step.values.get("setting")), code)
        try:
            return self.texts.text("alternatives" if instead else "steps", code, **values)
        except MissingText:
            return self.texts.text("format", "unknown_code", code=plain(step.step, _LONG_CODE))

    def portal(self, entry: Entry) -> str:
        """Where the remedy starts; empty for a kind without a row."""
        row = self.rules.kinds.get(entry.kind)
        if row is None:
            return ""
        portal = row.portals.get(entry.state, row.portal)
        filled = portal.replace("{subject}", quote(entry.subject_id, safe=""))
        return filled.replace("{about}", quote(entry.about, safe=""))

    def _of_fault(self, entry: Entry, part: str) -> str | None:
        """The words of a fault of the watch itself, by its cause where they differ; else None."""
        if entry.kind != FAULT:
            return None
        by_cause = self.texts.find("problems", entry.about, "causes", entry.cause, part)
        return by_cause or self.texts.find("problems", entry.about, part)

    def _text(self, code: str, *path: str) -> str:
        return self.texts.find(*path) or self.texts.text(
            "format", "unknown_code", code=plain(code, _LONG_CODE)
        )


def _instead(step: Step, earlier: Iterable[Step]) -> bool:
    ways = INSTEAD_OF.get(step.step, ())
    return any(one.step in ways and one.values.get("sku") == step.values.get("sku") for one in earlier)


def is_fixed(entry: Entry) -> bool:
    """Whether its end is called fixed: of a user only by a licence, of tenant or group when it is over."""
    if entry.ended is None:
        return False
    if entry.ended.cause == "licensed":
        return True
    return entry.ended.cause == "fixed" and entry.subject_type is not SubjectType.USER


def _counts(facts: Mapping[str, Any], *names: str) -> bool:
    return all(isinstance(facts.get(name), int) for name in names)
