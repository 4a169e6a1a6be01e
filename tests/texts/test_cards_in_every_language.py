"""Everything a card or an event can say comes from the catalogue: no word of it is written in the code."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.findings.failures import ANOTHER_PRODUCT, NO_CODE
from shared.findings.failures import CODES as ERRORS
from shared.model import Moment, State, Step, SubjectType
from shared.notify.entries import Entry, Heard
from shared.notify.messages import BASELINE, SINGLE, SUMMARY, Item, Message
from shared.notify.saying.cards import LIMIT, Backdrop, card
from shared.notify.saying.cards.change import SETTING_OF
from shared.notify.saying.names import Names, Person
from shared.notify.saying.wording import FAULT, VARIANTS, Wording
from shared.texts.catalogue import DEFAULT, FOLDER, Catalogue
from shared.watch import unwell
from shared.watch.fault_codes import CAUSES as FAULT_CAUSES
from shared.watch.fault_codes import CODES as FAULTS
from tests.notify.card_samples import (
    AT,
    BY_STATE,
    EMS_E3,
    VALUES,
    all_texts,
    card_of,
    commands_of,
    ended,
    entry,
    every_form,
    names,
    remedy_of,
    schema_faults,
    single,
    size,
    wording,
)
from tests.notify.event_samples import FORMS as EVENTS
from tests.notify.event_samples import made
from tests.notify.story import RULES, second
from tests.notify.test_telling_texts import CAUSES, ENDS, EVIDENCES, OTHER_CAUSES, REACH
from tests.texts import comparing
from tests.texts.comparing import from_elsewhere, marked

ENGLISH = Path(FOLDER) / f"{DEFAULT}.toml"
MARKS = marked(ENGLISH)
BACKDROP = Backdrop(edition="2017-10-24", at=AT, differing={"2025-03-04": 1234}, users=1000)
EVIDENCE_CODES = [one for one in EVIDENCES if one != "trial"]
FAULT_WITH_CAUSE = [
    (code, cause) for code in sorted(FAULTS) for cause in ("", *sorted(FAULT_CAUSES.get(code, ())))
]

# What a tenant's own words are here: digits, so that every letter outside marks is one of ours.
NAMED = Names(
    texts=MARKS,
    users={one: Person("1", "2") for one in (VALUES["sample"][0], "u")},
    groups={VALUES["group"]: "3"},
    product=lambda _: "4",
    tenant="5",
    members={VALUES["group"]: 6},
    everybody=7,
)
UNNAMED = Names(texts=MARKS, product=lambda _: "4")


def told(items: Iterable[Item], form: str = SINGLE, shown: Names = NAMED, **more: Any) -> dict[str, Any]:
    """A card in marks."""
    message = Message(form=form, items=tuple(items), **more)
    return card(message, Wording(shown.texts, shown, RULES), BACKDROP)


def opened(one: Entry) -> tuple[Item]:
    """The news that it has begun."""
    return (Item(moment=Moment.OPENED, entry=one),)


def codes_of(one: Entry) -> set[str]:
    """The names and codes that a card shows as they are: of the finding, its rules, and its values."""
    rules = {rule for edition in RULES.editions.values() for rule in edition.rules}
    return (
        rules | {one.id, one.kind, one.state, one.subject_id} | set(_values(one.facts, *_filled(one.remedy)))
    )


def _filled(remedy: Iterable[Step]) -> list[Mapping[str, Any]]:
    return [step.values for step in remedy]


def _values(*nodes: Any) -> Iterable[str]:
    for node in nodes:
        if isinstance(node, Mapping):
            yield from _values(*node.values())
        elif isinstance(node, list | tuple):
            yield from _values(*node)
        elif isinstance(node, str):
            yield node


def wrote(payload: Mapping[str, Any]) -> list[str]:
    """What people read of a card, without the commands that they copy: those are the same in any language."""
    commands = commands_of(payload)
    return [text for text in all_texts(payload) if text not in commands]


def written_in_code(payload: Mapping[str, Any], known: Iterable[str]) -> dict[str, set[str]]:
    """By text of a card, the words that no catalogue gave."""
    return comparing.written_in_code(wrote(payload), known)


# --- the packaged languages -------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "state"), BY_STATE)
def test_a_card_of_every_kind_and_state_is_whole_in_every_language(
    kind: str, state: str, texts: Catalogue
) -> None:
    payload = single(entry(kind, state), shown=names(texts=texts))
    said = "\n".join(all_texts(payload))
    assert payload["attachments"][0]["content"]["lang"] == texts.language
    assert texts.text("kinds", kind, "title", state) in said
    headings = {"who", "state", "rule", "since", "why", "remedy"}
    for heading in headings - {"rule"} if kind == FAULT else headings:
        assert texts.text("card", heading) in said
    shown = remedy_of(payload, texts.text("card", "remedy"))
    numbered = [
        line.startswith(texts.text("card", "numbered", n=n, text="")) for n, line in enumerate(shown, 1)
    ]
    assert numbered == [len(shown) > 1] * len(shown)
    assert shown
    assert texts.text("format", "unknown_code", code="") not in said
    assert schema_faults(payload) == []
    assert size(payload) <= LIMIT


@pytest.mark.parametrize(("code", "cause"), FAULT_WITH_CAUSE)
def test_a_fault_of_the_watch_is_whole_in_every_language(code: str, cause: str, texts: Catalogue) -> None:
    one = entry("watch-unwell", "unwell", about=code, cause=cause or code)
    said = "\n".join(all_texts(single(one, shown=names(texts=texts))))
    assert texts.text("format", "unknown_code", code="") not in said
    assert texts.text("problems", code, "name") in said
    (line,) = unwell.in_words({code: f"{cause}: 1" if cause else "1"}, texts)
    assert line.endswith(". (1)")
    assert not line.startswith(code)


@pytest.mark.parametrize("code", [*ERRORS, NO_CODE, ANOTHER_PRODUCT, "NewViolation"])
def test_every_licence_error_is_explained_in_every_language(code: str, texts: Catalogue) -> None:
    meaning = texts.find("errors", code)
    microsofts = f"{meaning} ({code})" if code in ERRORS else meaning
    assert wording(names(texts=texts)).error(code) == (microsofts or "NewViolation")


# --- every form -------------------------------------------------------------------------------------------

EVERY_FORM = every_form()
SENTENCES = ("title", "line", "why", "steps", "name")
"""The keys of an event whose values are for people."""


def in_code_of(message: Message) -> set[str]:
    """The names and codes that its card shows as they are: of its findings, and of what it is about."""
    known = set().union(*(codes_of(item.entry) for item in message.items))
    about = msgspec.to_builtins(message.about)
    return known | set(_values(about)) | set(SETTING_OF.values())


def sentences(node: Any, key: str = "") -> Iterable[str]:
    """The strings of an event that are for people."""
    if isinstance(node, Mapping):
        for name, one in node.items():
            yield from sentences(one, name)
    elif isinstance(node, list):
        for one in node:
            yield from sentences(one, key)
    elif isinstance(node, str) and key in SENTENCES:
        yield node


@pytest.mark.parametrize("form", EVERY_FORM)
def test_a_card_of_every_form_is_whole_in_every_language(form: str, texts: Catalogue) -> None:
    payload = card_of(EVERY_FORM[form], names(texts=texts))
    assert payload["attachments"][0]["content"]["lang"] == texts.language
    assert texts.text("format", "unknown_code", code="") not in "\n".join(all_texts(payload))
    assert schema_faults(payload) == []
    assert size(payload) <= LIMIT


@pytest.mark.parametrize("shown", ["named", "unnamed"])
@pytest.mark.parametrize("form", EVERY_FORM)
def test_a_card_of_every_form_has_no_word_of_the_code(form: str, shown: str) -> None:
    message = EVERY_FORM[form]
    payload = card_of(message, {"named": NAMED, "unnamed": UNNAMED}[shown])
    assert written_in_code(payload, in_code_of(message)) == {}


@pytest.mark.parametrize("form", EVENTS)
def test_the_sentences_of_an_event_have_no_word_of_the_code(form: str) -> None:
    read = list(sentences(made(EVENTS[form], NAMED)))
    assert comparing.written_in_code(read, in_code_of(EVENTS[form])) == {}
    assert read or not EVENTS[form].items


def test_a_command_on_a_card_asks_for_name_and_reason_in_the_language_of_the_card(texts: Catalogue) -> None:
    (command,) = commands_of(card_of(EVERY_FORM["single"], names(texts=texts)))
    owner, reason = texts.text("exception", "your_name"), texts.text("exception", "your_reason")
    assert f'--owner "{owner}" --reason "{reason}"' in command


# --- in marks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", [NAMED, UNNAMED], ids=["named", "unnamed"])
@pytest.mark.parametrize(("kind", "state"), BY_STATE)
def test_a_card_has_no_word_of_the_code(kind: str, state: str, shown: Names) -> None:
    one = entry(kind, state, reopened=2)
    heard = Heard(state=RULES.kinds[kind].states[0], fingerprint="old", at=second(0))
    changed = msgspec.structs.replace(one, told={"": heard}, reopened=1)
    codes = codes_of(one) | {"facts-late"}  # a fault that has no words is shown as it is
    assert written_in_code(told(opened(one), shown=shown, late_since=second(0)), codes) == {}
    assert written_in_code(told([Item(moment=Moment.CHANGED, entry=changed)], shown=shown), codes) == {}
    for form in (SUMMARY, BASELINE):
        assert written_in_code(told([*opened(one)] * 12, form, shown), codes) == {}


@pytest.mark.parametrize("cause", [*ENDS, "something-new", *(f"left-reach: {one}" for one in REACH)])
def test_a_card_of_an_end_has_no_word_of_the_code(cause: str) -> None:
    one = ended(entry(), cause)
    gone = Item(moment=Moment.RESOLVED, entry=one)
    codes = codes_of(one) | {"something-new"}
    assert written_in_code(told([gone]), codes) == {}
    assert written_in_code(told([gone] * 11, SUMMARY), codes) == {}


@pytest.mark.parametrize("cause", sorted({*CAUSES, *OTHER_CAUSES}))
def test_no_cause_is_in_words_of_the_code(cause: str) -> None:
    one = entry(cause=cause)
    assert written_in_code(told(opened(one)), codes_of(one)) == {}


@pytest.mark.parametrize(("code", "cause"), FAULT_WITH_CAUSE)
def test_no_fault_of_the_watch_is_in_words_of_the_code(code: str, cause: str) -> None:
    one = entry("watch-unwell", "unwell", about=code, cause=cause or code)
    assert written_in_code(told(opened(one)), codes_of(one)) == {}
    over = Item(moment=Moment.RESOLVED, entry=ended(one, "fixed"))
    assert written_in_code(told([over]), codes_of(one)) == {}
    assert from_elsewhere(*unwell.in_words({code: f"{cause}: 1" if cause else "1"}, MARKS)) == set()


@pytest.mark.parametrize("code", [*ERRORS, NO_CODE, "NewViolation"])
@pytest.mark.parametrize(("kind", "state"), [("assignment-error", "error"), ("licence-errors", "error")])
def test_no_licence_error_is_in_words_of_the_code(code: str, kind: str, state: str) -> None:
    remedy = tuple(
        msgspec.structs.replace(
            step, values={**step.values, **({"code": code} if "code" in step.values else {})}
        )
        for step in entry(kind, state).remedy
    )
    one = entry(
        kind, state, cause=code, facts={"codes": [code, "Other"], "short": {EMS_E3: 2}}, remedy=remedy
    )
    assert written_in_code(told(opened(one)), codes_of(one) | {code}) == {}


def test_no_step_is_in_words_of_the_code_with_its_values_or_without() -> None:
    words = Wording(MARKS, NAMED, RULES)
    steps = {row.step: row.values for kind in RULES.kinds.values() for row in kind.remedy}
    for code, names_of_values in steps.items():
        whole = {name: VALUES[name] for name in names_of_values}
        empty = {
            name: "" if name in ("group", VARIANTS.get(code, ("",))[0]) else whole[name] for name in whole
        }
        for values in (whole, empty):
            said = words.step(Step(step=code, values=values))
            assert from_elsewhere(said, _values(values)) == set(), said
            assert MARKS.text("format", "unknown_code", code="") not in said


@pytest.mark.parametrize("about", [*EVIDENCE_CODES, f"trial:{EMS_E3}"])
def test_no_piece_of_evidence_is_in_words_of_the_code(about: str) -> None:
    one = entry("evidence-missing", "stale", about=about)
    assert written_in_code(told(opened(one)), codes_of(one)) == {}


def test_no_fact_is_in_words_of_the_code() -> None:
    words = Wording(MARKS, NAMED, RULES)
    for state in State:
        assert from_elsewhere(words.value("would_be", str(state))) == set()
    for name, value in (
        ("sample", ["u"] * 9),
        ("short", {EMS_E3: 1234}),
        ("ends_at", "2026-04-01T00:00:00+00:00"),
        ("synced", True),
        ("synced", False),
    ):
        assert from_elsewhere(words.value(name, value)) == set(), name


def test_no_card_that_is_cut_or_empty_has_a_word_of_the_code() -> None:
    steps = tuple(Step(step="turn-plan-on", values={"sku": str(n)}) for n in range(400))
    fat = entry(remedy=steps, skus=(), facts={})
    by_number = msgspec.structs.replace(NAMED, product=lambda sku: f"{sku}{'9' * 100}")
    cut = told(opened(fat), shown=by_number)
    assert MARKS.text("card", "cut", n=1).partition("1")[0] in "".join(all_texts(cut))
    assert written_in_code(cut, codes_of(fat)) == {}
    assert written_in_code(told((), BASELINE), ()) == {}
    no_rule = entry("watch-unwell", "unwell", rule="", about="sweep")
    tenant = entry("no-licence", "missing", subject_type=SubjectType.TENANT, remedy=())
    for one in (no_rule, tenant):
        assert written_in_code(told(opened(one)), codes_of(one)) == {}


def test_marks_find_a_word_that_the_code_writes() -> None:
    english = names()
    payload = single(entry(), shown=msgspec.structs.replace(english, texts=MARKS, tenant="", users={}))
    assert written_in_code(payload, codes_of(entry())) != {}  # the names of products have letters
    assert from_elsewhere("⟦a⟧ b ⟦c⟧") == {"b"}
