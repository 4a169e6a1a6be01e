"""Rows and open findings in the words of one language, ready to show, for page, CSV and `/rows`. Pure.

Names come from the tenant and may be anything: what leaves here is one line without signs that can't be seen,
and no markup. Whoever shows it still escapes it for its form.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from shared.model import Facts, Moment, Severity, State, SubjectType, zulu
from shared.notify.entries import Entry
from shared.notify.messages import Item
from shared.notify.saying.names import Names, Person
from shared.notify.saying.wording import Wording
from shared.report.figures import Concern, Excepted, Report, Row
from shared.rules.loader import Rules, load_rules
from shared.texts.catalogue import Catalogue
from shared.texts.plain import one_line, unescaped

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a time must be given that is not shown."""

_LONGEST = 2_000
"""Signs of a sentence; a name is cut before (`plain`)."""


class RowView(Facts, frozen=True, omit_defaults=False):
    """A `Row` in words. `state`, `kinds`, `severity` are codes, to filter by; `since` is ISO 8601 or empty.

    `skus`: names of the products held. `others_text`: what other editions say, if they differ. `excepted`:
    who agreed to the exception that covers it, and until when; empty if none does.
    """

    id: str
    upn: str
    name: str
    state: str
    state_text: str
    rule: str
    cause_text: str
    kinds: tuple[str, ...]
    kinds_text: str
    severity: str
    since: str
    synced: bool
    skus: tuple[str, ...]
    remedy: tuple[str, ...]
    others_text: str
    excepted: str


class ConcernView(Facts, frozen=True, omit_defaults=False):
    """An open finding of the tenant or of a group in words. `facts`: title and value, in order."""

    kind: str
    severity: str
    subject: str
    title: str
    state_text: str
    cause_text: str
    why: str
    rule_text: str
    facts: tuple[tuple[str, str], ...]
    remedy: tuple[str, ...]
    portal: str
    since: str
    excepted: str


class Views:
    """Puts rows of one report into words. Rows that say the same are worded once."""

    def __init__(self, report: Report, texts: Catalogue, rules: Rules | None = None) -> None:
        self._report, self._texts = report, texts
        self._rules = rules or load_rules()
        self._exceptions = {one.id: one for one in report.exceptions}
        self._wording = Wording(texts, self._names(), self._rules)
        self._causes: dict[tuple[str, str, str], str] = {}
        self._remedies: dict[tuple[str, bytes], tuple[str, ...]] = {}
        self._kinds: dict[tuple[tuple[str, ...], State], str] = {}
        self._encoder = msgspec.json.Encoder()

    def _names(self) -> Names:
        known = self._report.names
        return Names(
            texts=self._texts,
            users={key: Person(name=name) for key, name in known.items()},
            groups=known,
            product=lambda sku: known.get(sku) or self._rules.skus.name(sku),
            tenant=self._report.tenant_name,
        )

    def row(self, row: Row) -> RowView:
        """The row in words."""
        return RowView(
            id=row.id,
            upn=one_line(row.upn),
            name=one_line(row.name),
            state=str(row.state),
            state_text=self._texts.text("states", str(row.state)),
            rule=row.rule,
            cause_text=self._cause(row),
            kinds=tuple(dict.fromkeys(row.kinds)),
            kinds_text=self._kinds_text(row),
            severity=str(row.severity),
            since=zulu(row.since) if row.since else "",
            synced=row.synced,
            skus=tuple(one_line(self._wording.names.product(sku)) for sku in row.skus),
            remedy=self._remedy(row),
            others_text=self._others(row.others),
            excepted=self.exception(row.excepted),
        )

    def rows(self, rows: Iterable[Row]) -> Iterator[RowView]:
        """Each of the rows in words."""
        return map(self.row, rows)

    def concerns(self, most: int | None = None) -> tuple[ConcernView, ...]:
        """The findings of tenant and groups in words, in the report's order; at most so many of them."""
        return tuple(self._concern(one) for one in self._report.concerns[:most])

    def _concern(self, concern: Concern) -> ConcernView:
        wording, entry = self._wording, _entry(concern, self._report.edition)
        title = wording.title(Item(moment=Moment.OPENED, entry=entry))
        return ConcernView(
            kind=entry.kind,
            severity=str(entry.severity),
            subject=_shown(wording.subject(entry)),
            title=_shown(title),
            state_text=_shown(wording.state(entry)),
            cause_text=_shown(wording.cause(entry)),
            why=_shown(wording.why(entry)),
            rule_text=_shown(wording.rule(entry)) if entry.rule else "",
            facts=tuple((_shown(name), _shown(value)) for name, value in wording.facts(entry)),
            remedy=tuple(_shown(step) for step in wording.steps(entry)),
            portal=wording.portal(entry),
            since=zulu(entry.since),
            excepted=self.exception(concern.excepted),
        )

    def exception(self, exception_id: str) -> str:
        """Who agreed to it, and until when; empty for one that is not in the report."""
        one = self._exceptions.get(exception_id)
        return self.agreed(one) if one else ""

    def agreed(self, one: Excepted) -> str:
        """An exception in one sentence."""
        day = self._texts.day(one.until.date())
        return self._texts.text("report", "excepted", owner=one_line(one.owner), until=day)

    def _cause(self, row: Row) -> str:
        key = (row.kinds[0] if row.kinds else "", str(row.state), row.cause)
        found = self._causes.get(key)
        if found is None:
            if row.state is State.NOT_IN_REACH and not row.kinds:
                found = self._texts.find("reach", row.cause) or row.cause
            else:
                found = _shown(self._wording.cause(_entry_of_row(row)))
            self._causes[key] = found
        return found

    def _remedy(self, row: Row) -> tuple[str, ...]:
        if not row.remedy:
            return ()
        key = (row.kinds[0] if row.kinds else "", self._encoder.encode(row.remedy))
        found = self._remedies.get(key)
        if found is None:
            found = self._remedies[key] = tuple(
                _shown(step) for step in self._wording.steps(_entry_of_row(row))
            )
        return found

    def _kinds_text(self, row: Row) -> str:
        key = (row.kinds, row.state)
        found = self._kinds.get(key)
        if found is None:
            words = [self.kind(kind) for kind in dict.fromkeys(row.kinds)]
            found = self._kinds[key] = "; ".join(words)
        return found

    def kind(self, kind: str) -> str:
        """A kind of finding of users in few words."""
        return self._texts.find("report", "kinds", kind) or kind

    def _others(self, others: Mapping[str, State]) -> str:
        """`by Microsoft's page of 4 March 2025: not known`, one after the other."""
        return "; ".join(
            self._texts.text(
                "report",
                "by_edition",
                date=self._wording.edition_day(edition),
                state=self._texts.text("states", str(state)),
            )
            for edition, state in sorted(others.items())
        )


def view(row: Row, report: Report, texts: Catalogue) -> RowView:
    """One row in words; for many of one report `Views` is quicker."""
    return Views(report, texts).row(row)


def _shown(text: str) -> str:
    """What is worded for Markdown as it reads."""
    return one_line(unescaped(text), _LONGEST)


def _entry(concern: Concern, edition: str) -> Entry:
    one, finding = concern.open, concern.open.finding
    return Entry(
        id=one.id,
        subject_type=concern.subject_type,
        subject_id=concern.subject_id,
        kind=finding.kind,
        state=finding.state,
        severity=finding.severity,
        fingerprint=one.fingerprint,
        since=one.opened_at,
        changed_at=one.changed_at,
        about=finding.about,
        rule=finding.rule,
        cause=finding.cause,
        skus=finding.skus,
        groups=finding.groups,
        facts=finding.facts,
        remedy=finding.remedy,
        because=finding.because,
        edition=edition,
    )


def _entry_of_row(row: Row) -> Entry:
    """What of a row is worded as a card words it: cause and remedy of its gravest finding."""
    return Entry(
        id="",
        subject_type=SubjectType.USER,
        subject_id=row.id,
        kind=row.kinds[0] if row.kinds else "coverage",
        state=str(row.state),
        severity=Severity(row.severity),
        fingerprint="",
        since=_NEVER,
        changed_at=_NEVER,
        cause=row.cause,
        remedy=row.remedy,
    )
