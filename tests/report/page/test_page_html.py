"""The page as it is sent: whole, harmless, self-contained, in every language, read without a script."""

import base64
import hashlib
import itertools
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sandbox.sample_report import NAMES, report
from shared.model import State, Tier
from shared.report.figures import QUESTIONS, Point
from shared.report.page import LARGEST, MOST_CONCERNS, MOST_EXCEPTIONS, MOST_INLINED, SHOWN, as_page
from shared.report.views import Views
from shared.texts.catalogue import DEFAULT, FOLDER, Catalogue, catalogue
from tests.hostile import HOSTILE
from tests.report.page.drawn import EMPTY, Read, page, some_views
from tests.texts.comparing import from_elsewhere, marked

ENGLISH = catalogue("en")
SERVED: dict[str, Any] = {"rows_url": "report/rows", "user_url": "report/user"}


def test_the_page_is_well_formed_and_says_its_language(texts: Catalogue) -> None:
    for one in (page(texts), page(texts, **SERVED), page(texts, 0, EMPTY)):
        read = Read(one.html)
        assert read.faults == []
        assert read.every("html") == [{"lang": texts.language}]
        assert one.html.startswith("<!doctype html>")


def test_every_id_is_there_once_and_every_reference_leads_somewhere() -> None:
    for one in (page(ENGLISH), page(ENGLISH, 0, EMPTY)):
        read = Read(one.html)
        ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        led_to = {
            attributes["href"][1:]
            for tag, attributes in read.tags
            if tag in ("a", "use") and attributes["href"].startswith("#")
        }
        led_to |= {one["aria-labelledby"] for _, one in read.tags if "aria-labelledby" in one}
        assert len(led_to) > 10
        assert led_to <= set(ids)


def test_landmarks_headings_and_captions_lead_through_the_page() -> None:
    read = Read(page(ENGLISH).html)
    assert [len(read.every(name)) for name in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
    assert all(one.get("aria-label") for one in read.every("nav"))
    assert all(one.get("scope") for one in read.every("th"))
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    drawings = [one for one in read.every("svg") if one.get("role") == "img"]
    assert len(drawings) == 3
    assert all(one["aria-label"] for one in drawings)


def test_the_policy_allows_exactly_the_style_and_script_that_are_there() -> None:
    for options, connect in (({}, "'none'"), (SERVED, "'self'")):
        made = page(ENGLISH, **options)
        scripts = re.findall(r"<script>(.*?)</script>", made.html, re.S)
        styles = re.findall(r"<style>(.*?)</style>", made.html, re.S)
        assert (len(scripts), len(styles)) == (1, 1)
        policy = dict(part.split(" ", 1) for part in made.csp.split("; "))
        assert policy == {
            "default-src": "'none'",
            "script-src": f"'sha256-{digest(scripts[0])}'",
            "style-src": f"'sha256-{digest(styles[0])}'",
            "connect-src": connect,
            "img-src": "data:",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        own = [one["content"] for one in Read(made.html).every("meta") if "http-equiv" in one]
        assert own == [made.csp.removesuffix("; frame-ancestors 'none'")]


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_nothing_is_loaded_and_nothing_is_styled_or_handled_inline() -> None:
    read = Read(page(ENGLISH).html)
    for tag, attributes in read.tags:
        assert not {"style", "src", "srcset", "action"} & set(attributes), tag
        assert not [name for name in attributes if name.startswith("on")], tag
    assert {one["rel"] for one in read.every("link")} == {"icon"}
    assert all(one["href"].startswith("data:") for one in read.every("link"))
    assert "url(" not in read.raw["style"]
    assert "@import" not in read.raw["style"]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", read.raw["script"])


def test_the_three_questions_are_answered_with_a_word_and_a_sign(texts: Catalogue) -> None:
    for answer in ("yes", "no", "unknown", "not-asked"):
        asked = tuple(msgspec.structs.replace(one, answer=answer) for one in report().questions)
        html = page(texts, 0, msgspec.structs.replace(report(), questions=asked)).html
        assert html.count(f'class="card answer is-{answer}"') == 3
        assert html.count(f"<strong>{texts.text('report', 'page', 'answer', answer)}</strong>") == 3
        for code in QUESTIONS:
            assert texts.text("report", "page", "questions", code, answer) in Read(html).text


def test_the_head_names_tenant_time_edition_and_who_differs(texts: Catalogue) -> None:
    made = report()
    seen = Read(page(texts).html).text
    assert made.tenant_name in seen
    assert texts.moment(made.at) in seen
    differ = texts.text(
        "report",
        "page",
        "differ",
        n=texts.number(report(to_act_on=120).disagreements[0].users),
        day=texts.day(made.trend[0].day.replace(year=2025, month=3, day=4)),
    )
    assert differ in seen


def test_one_of_a_thing_is_called_as_one() -> None:
    other = msgspec.structs.replace(report().disagreements[0], users=1)
    seen = Read(
        page(ENGLISH, 1, msgspec.structs.replace(report(), users=1, in_reach=1, disagreements=(other,))).html
    ).text
    assert "1 user read" in seen
    assert "1 of 1 users is in reach" in seen
    assert "1 user differs by its page of 4 March 2025" in seen


def test_a_reading_that_is_not_over_never_looks_like_an_all_clear(texts: Catalogue) -> None:
    def said(code: str) -> str:
        return texts.text("report", "page", code)

    clear = msgspec.structs.replace(EMPTY, users=10, source="ledger")
    quiet = ("findings_none", "act_none", "kinds_none", "needs_none")
    over = Read(page(texts, 0, clear).html).text
    assert all(said(code) in over for code in quiet)
    begun = Read(page(texts, 0, msgspec.structs.replace(clear, baseline=True)).html).text
    assert said("baseline") in begun
    assert not [code for code in quiet if said(code) in begun]
    assert all(said(f"{code}_yet") in begun for code in quiet)


def test_what_is_empty_says_so(texts: Catalogue) -> None:
    seen = Read(page(texts, 0, EMPTY).html).text
    for code in ("nobody_read", "trend_none", "skus_none", "exceptions_none", "evidence_none"):
        assert texts.text("report", "page", code) in seen
    audit = Read(page(texts, 0, msgspec.structs.replace(EMPTY, source="audit")).html).text
    assert texts.text("report", "page", "trend_none_audit") in audit
    assert texts.text("report", "page", "health_none") in audit


def test_a_single_day_is_no_trend_and_two_are() -> None:
    trend = report().trend
    for days, drawn in ((1, 2), (2, 3)):
        made = msgspec.structs.replace(report(), trend=trend[-days:])
        assert page(ENGLISH, 0, made).html.count('role="img"') == drawn


def test_a_share_is_never_rounded_up_to_all_or_down_to_nobody() -> None:
    states = {State.COVERED: 99_999, State.UNCOVERED: 1}
    seen = Read(page(ENGLISH, 0, msgspec.structs.replace(report(), states=states)).html).text
    assert "99.9 %" in seen
    assert "0.1 %" in seen
    assert "100 %\n" not in seen.partition("Day")[0]


def test_problems_of_the_watch_stand_at_the_head_and_in_full_below() -> None:
    made = msgspec.structs.replace(report(), health=("The first problem.", "The second."))
    read = Read(page(ENGLISH, 0, made).html)
    assert {"href": "#health"} in read.every("a")
    assert {"The first problem.", "The second."} <= set(read.seen)


def test_without_a_script_the_first_rows_are_there_and_it_says_how_many_are_not(texts: Catalogue) -> None:
    read = Read(page(texts).html)
    views = some_views(120, texts)
    assert all(one.upn in read.seen for one in views[:SHOWN])
    assert views[SHOWN].upn not in read.seen
    cut = texts.text("report", "page", "without_script", n=SHOWN, all=120)
    assert cut in read.text
    hidden = [one["id"] for _, one in read.tags if "hidden" in one and "id" in one]
    assert {"filters", "status", "theme", "print", "selection"} <= set(hidden)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_name_is_text_wherever_it_stands(what: str) -> None:
    name = HOSTILE[what][0]
    made = report(to_act_on=3)
    broken = name + "</script><script>alert(1)</script>\"' onload=alert(1) <!--"
    made = msgspec.structs.replace(
        made,
        tenant_name=broken,
        names=dict.fromkeys(NAMES, broken),
        health=(broken,),
        skus=tuple(msgspec.structs.replace(one, name=broken, part_number=broken) for one in made.skus),
        exceptions=tuple(
            msgspec.structs.replace(one, subject=broken, owner=broken, reason=broken)
            for one in made.exceptions
        ),
    )
    views = [
        msgspec.structs.replace(one, name=broken, upn=broken, cause_text=broken, remedy=(broken,))
        for one in some_views(3, ENGLISH)
    ]
    html = as_page(made, views, 3, ENGLISH, **SERVED).html
    plain = page(ENGLISH, 3, **SERVED).html
    read, expected = Read(html), Read(plain)
    assert read.faults == []
    assert {tag for tag, _ in read.tags} == {tag for tag, _ in expected.tags}
    assert len(read.every("script")) == len(expected.every("script")) == 3
    packed = read.data("packed")
    assert {row[packed["fields"].index("name")] for row in packed["rows"]} == {broken}
    assert not re.search("[\u202e\u2066\u200f\x1b]", read.seen[0])


def test_a_served_page_keeps_to_its_size_and_tells_the_total(texts: Catalogue) -> None:
    views = some_views(6_000, texts)
    made = as_page(report(to_act_on=100_000), views, 100_000, texts, **SERVED)
    held = Read(made.html).data("packed")["rows"]
    assert len(made.html.encode()) <= LARGEST
    assert 3_000 < len(held) <= MOST_INLINED
    assert texts.number(100_000) in Read(made.html).text


@pytest.mark.parametrize("what", ["concerns", "exceptions"])
def test_thousands_of_findings_of_groups_or_exceptions_leave_it_small_and_are_said(
    texts: Catalogue, what: str
) -> None:
    few = report()
    one = getattr(few, what)[-1]
    many = msgspec.structs.replace(few, **{what: (one,) * 3_000})
    views = some_views(100, texts)
    html = as_page(many, views, len(views), texts, rows_url="report/rows").html
    assert len(html.encode()) <= LARGEST
    shown = MOST_CONCERNS if what == "concerns" else MOST_EXCEPTIONS
    said = texts.text("report", "page", "first_of", n=texts.number(shown), all=texts.number(3_000))
    assert said in html
    assert texts.text("report", "page", "first_of", n="2", all="2") not in html


def test_rows_that_hardly_repeat_are_cut_before_the_page_grows_too_large() -> None:
    views = [
        msgspec.structs.replace(one, remedy=(f"{n}" * 200,), name="é" * 90)
        for n, one in enumerate(some_views(6_000, ENGLISH))
    ]
    made = as_page(report(to_act_on=6_000), views, 6_000, ENGLISH, **SERVED)
    assert len(made.html.encode()) <= LARGEST
    assert 100 < len(Read(made.html).data("packed")["rows"]) < MOST_INLINED


def test_a_file_has_all_rows_and_says_where_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    views = some_views(6_000, ENGLISH)
    made = Read(as_page(report(to_act_on=6_000), views, 6_000, ENGLISH).html)
    assert len(made.data("packed")["rows"]) == 6_000
    assert made.data("settings")["rowsUrl"] == ""
    monkeypatch.setattr("shared.report.page.MOST_IN_FILE", 100)
    cut = Read(as_page(report(to_act_on=6_000), views, 6_000, ENGLISH).html)
    assert len(cut.data("packed")["rows"]) == 100
    assert "the first 100 of 6,000 users" in cut.text
    assert "the first 100 of" not in made.text


@pytest.mark.parametrize("kind", ["sku-unknown", "sku-contested"])
def test_a_product_of_which_it_cannot_be_told_is_not_said_to_count_for_nothing(
    texts: Catalogue, kind: str
) -> None:
    made = report()
    nothing, better = (
        msgspec.structs.replace(made.skus[0], sku_id=f"sku-{tier.name}", tier=tier)
        for tier in (Tier.NONE, Tier.P1)
    )
    no, full, open_ = (texts.text("report", "page", "tier", one) for one in ("0", "2", kind))
    plain = Read(page(texts, 0, msgspec.structs.replace(made, skus=(nothing, better))).html).seen
    assert (plain.count(no), plain.count(full)) == (1, 1)
    first = made.concerns[0]
    finding = msgspec.structs.replace(first.open.finding, kind=kind, state=kind[4:], remedy=())
    concerns = tuple(
        msgspec.structs.replace(
            first,
            open=msgspec.structs.replace(
                first.open, finding=msgspec.structs.replace(finding, about=one.sku_id)
            ),
        )
        for one in (nothing, better)
    )
    told = msgspec.structs.replace(made, skus=(nothing, better), concerns=concerns)
    seen = Read(page(texts, 0, told).html).seen
    assert (seen.count(no), seen.count(full), seen.count(open_)) == (0, 1, plain.count(open_) + 1)


def test_counts_that_differ_between_the_questions_and_the_bar_are_explained(texts: Catalogue) -> None:
    titles = {
        code: texts.text("report", "page", "questions", code, "question")
        for code in ("compliance", "writeback")
    }
    said = texts.text("report", "page", "apart", **titles)
    made = report()
    assert said in Read(page(texts, 0, made).html).seen
    states = {State.COVERED: 5, State.UNCOVERED: 2, State.UNDETERMINED: 1}
    same = tuple(
        msgspec.structs.replace(one, covered=5, uncovered=2, undetermined=1) for one in made.questions
    )
    for questions in (same, ()):
        alike = msgspec.structs.replace(made, states=states, questions=questions)
        assert said not in Read(page(texts, 0, alike).html).seen


def test_only_states_in_which_somebody_is_are_offered() -> None:
    views = [one for one in some_views(120, ENGLISH) if one.state in ("uncovered", "undetermined")]

    def offered(**options: Any) -> list[str]:
        html = as_page(report(), views, 120, ENGLISH, **options).html
        (select,) = re.findall(r'<select id="state">(.*?)</select>', html, re.S)
        return re.findall(r'value="([^"]+)"', select)

    assert offered() == ["uncovered", "undetermined"]
    far = {State.NOT_IN_REACH, State.UNCOVERED}
    assert offered(states=far, **SERVED) == ["uncovered", "not-in-reach"]


def test_every_word_of_the_page_comes_from_the_catalogue() -> None:
    marks = marked(Path(FOLDER, f"{DEFAULT}.toml"))
    digits = report()
    digits = msgspec.structs.replace(
        digits,
        tenant_name="1",
        names=dict.fromkeys(NAMES, "2"),
        skus=tuple(msgspec.structs.replace(one, name="3", part_number="4") for one in digits.skus),
        exceptions=tuple(
            msgspec.structs.replace(one, id="5", subject="6", owner="7", reason="8")
            for one in digits.exceptions
        ),
        health=("9",),
        trend=tuple(Point(one.day, one.users, one.in_reach, one.states) for one in digits.trend),
    )
    views = [msgspec.structs.replace(one, name="1", upn="2", skus=("3",)) for one in some_views(60, marks)]
    rules = {code for edition in ("2017-10-24", "2025-03-04") for code in marks.codes("rules", edition)}
    for made in (digits, msgspec.structs.replace(EMPTY, tenant_name="1", baseline=True)):
        shown = Read(as_page(made, views if made.rows else [], made.rows, marks, csv_url="x").html)
        stray = {
            word: text
            for text in shown.seen
            for word in from_elsewhere(text, {*rules, "CountViolation", "Policy.Read.All"})
        }
        assert stray == {}


def test_views_say_what_the_page_shows(texts: Catalogue) -> None:
    """What is worded in one place is shown in that wording: findings of the tenant and its groups."""
    made = report()
    seen = Read(page(texts, 0, made).html).text
    for one in Views(made, texts).concerns():
        assert one.subject in seen
        assert one.state_text in seen
        assert all(step in seen for step in one.remedy)


def test_the_sample_of_the_pictures_answers_as_its_counts_do() -> None:
    assert [one.answer for one in report().questions[1:] if one.uncovered] == ["no", "no"]
