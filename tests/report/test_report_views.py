"""Rows and findings in words: as a card words them, in each language, and harmless whatever a name tries."""

import msgspec
import pytest

from shared.model import SubjectType
from shared.notify.entries import Entry
from shared.notify.saying.names import Names
from shared.notify.saying.wording import Wording
from shared.report.building import Builder
from shared.report.figures import Report, Row
from shared.report.views import RowView, Views, view
from shared.texts.catalogue import Catalogue, catalogue
from shared.texts.plain import unescaped
from tests.hostile import HOSTILE
from tests.report.ledgers import GROUP, NOW, POLICY, RULES, made

LEDGER = made(500, per_shard=250)


def report_and_rows(texts: Catalogue) -> tuple[Report, list[Row]]:
    builder = Builder(LEDGER.tenant, RULES, POLICY, texts, at=NOW, source="ledger")
    rows = [row for user in LEDGER.users if (row := builder.add(user))]
    return builder.report(), rows


def strings(shown: msgspec.Struct) -> list[str]:
    values = msgspec.to_builtins(shown).values()
    return [
        text
        for one in values
        for text in (one if isinstance(one, tuple | list) else [one])
        if isinstance(text, str)
    ]


def test_every_row_and_finding_has_words_in_each_language(texts: Catalogue) -> None:
    report, rows = report_and_rows(texts)
    unknown = texts.text("format", "unknown_code", code="").strip()
    views = Views(report, texts)
    shown = [*views.rows(rows), *views.concerns()]
    assert len(shown) > 60
    for one in shown:
        for text in strings(one):
            assert not text.startswith(unknown), text
            assert "\\" not in text
            assert text.isprintable() or not text
    for row in views.rows(rows):
        assert row.state_text
        assert row.cause_text
        assert bool(row.kinds_text) == bool(row.kinds)
        assert row.kinds or row.others_text


def test_one_row_alone_reads_as_among_many(texts: Catalogue) -> None:
    report, rows = report_and_rows(texts)
    for row, among in zip(rows, Views(report, texts).rows(rows), strict=True):
        assert view(row, report, texts) == among


def test_cause_and_remedy_read_as_on_a_card() -> None:
    texts = catalogue()
    report, rows = report_and_rows(texts)
    names = Names(texts=texts, groups={GROUP: "Licences: EMS"}, product=RULES.skus.name)
    wording, views = Wording(texts, names, RULES), Views(report, texts)
    for row in rows:
        if not row.kinds:
            continue
        user = next(one for one in LEDGER.users if one.id == row.id)
        finding = next(one for one in user.open.values() if one.finding.kind == row.kinds[0])
        entry = Entry(
            id=finding.id,
            subject_type=SubjectType.USER,
            subject_id=row.id,
            kind=finding.finding.kind,
            state=finding.finding.state,
            severity=finding.finding.severity,
            fingerprint=finding.fingerprint,
            since=NOW,
            changed_at=NOW,
            about=finding.finding.about,
            cause=finding.finding.cause,
            skus=finding.finding.skus,
            remedy=finding.finding.remedy,
        )
        shown = views.row(row)
        assert shown.remedy == tuple(unescaped(step) for step in wording.steps(entry))
        assert shown.cause_text == unescaped(wording.cause(entry))


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_name_is_one_line_of_signs_that_can_be_seen(what: str) -> None:
    name, seen = HOSTILE[what]
    texts = catalogue()
    report, (row, *_) = report_and_rows(texts)
    hostile = msgspec.structs.replace(row, name=name, upn=name)
    shown = view(hostile, report, texts)
    assert shown.name.isprintable()
    assert shown.upn.isprintable()
    assert len(shown.name) <= 120
    assert shown.name.startswith(seen)


def test_the_findings_of_the_tenant_say_what_to_do_and_for_whom() -> None:
    texts = catalogue()
    report, _ = report_and_rows(texts)
    (short,) = Views(report, texts).concerns()
    assert short.kind == "seats-short"
    assert short.remedy
    assert short.portal.startswith("https://")
    named = next(one for one in report.concerns if one.open.finding.kind == "seats-short")
    sample = next(step.values["sample"] for step in named.open.finding.remedy if step.values.get("sample"))
    assert any(report.names[sample[0]] in step for step in short.remedy)


def test_codes_stay_codes_so_that_a_page_can_filter_by_them() -> None:
    english, dutch = (
        Views(*one) for one in ((report_and_rows(texts)[0], texts) for texts in map(catalogue, ("en", "nl")))
    )
    _, rows = report_and_rows(catalogue())

    def codes(shown: RowView) -> tuple[object, ...]:
        return (shown.state, shown.kinds, shown.severity, shown.since, shown.rule)

    for row in rows:
        assert codes(english.row(row)) == codes(dutch.row(row))
        assert english.row(row).state_text != dutch.row(row).state_text
