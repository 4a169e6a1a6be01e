"""How it looks: groups, eighty columns, signs and words, both languages, JSON."""

import json
import re
from datetime import UTC, datetime

from admin.doctor.lights import Light, Said
from admin.doctor.rows import ANY, ROWS
from admin.doctor.showing import as_json, as_text, lines_of, status_of
from shared.texts.catalogue import Catalogue, catalogue

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAMES = (
    "said setting value code problem container names queue since app wanted found tenant permission "
    "command name at path route epoch others percent minutes id day hours mean slowest "
    "topic group"
)
VALUES: dict[str, str | int] = {one: f"<{one}>" for one in re.findall(r"\w+", NAMES)}
VALUES |= {"n": 1_234, "most": 15, "status": 401}


def everything(texts: Catalogue) -> str:
    """Every sentence that there is, each said once."""
    found = {row.check: [Said(code, VALUES) for code in (*row.lights, *ANY)] for row in ROWS}
    return as_text(lines_of(found, texts), texts)


def test_every_sentence_of_every_language_fits_eighty_columns(texts: Catalogue) -> None:
    for line in everything(texts).splitlines():
        assert len(line) <= 80, line


def test_every_line_has_a_sign_and_a_word_and_what_is_not_green_a_remedy(texts: Catalogue) -> None:
    lines = lines_of({row.check: [Said(code, VALUES) for code in row.lights] for row in ROWS}, texts)
    assert all(bool(line.remedy) == (line.light is not Light.GREEN) for line in lines)
    shown = as_text(lines, texts)
    marks = re.findall(r"^  (\S) (\S+)", shown, re.MULTILINE)
    words = {texts.text("doctor", "lights", light).split()[0] for light in Light}
    assert {word for _, word in marks} == words
    assert {sign for sign, _ in marks} == {"+", "!", "x", "-"}


def test_groups_have_their_heading_once_and_the_sum_stands_at_the_end(texts: Catalogue) -> None:
    shown = as_text(
        lines_of(
            {
                "settings": [Said("ok")],
                "schedules": [Said("ok")],
                "places": [Said("missing", {"names": "a"})],
            },
            texts,
        ),
        texts,
    ).splitlines()
    headings = [line for line in shown if line and not line.startswith(" ")]
    group = [texts.text("doctor", "groups", name) for name in ("settings", "storage")]
    assert headings == [*group, texts.text("doctor", "sum", green=2, amber=0, red=1, skipped=0)]


def test_neighbours_that_say_the_same_share_a_line_and_a_remedy_is_said_once() -> None:
    texts = catalogue()
    found = {name: [Said("needs-ledger")] for name in ("health", "sweep", "delta")}
    found["evidence"] = [Said("expired", {"name": one, "at": "x"}) for one in ("groups", "skus")]
    shown = as_text(lines_of(found, texts), texts)
    assert "Health, Reading of all users, Changed users: needs the ledger." in shown
    assert shown.count("-> Mend the ledger first") == 1
    assert shown.count("-> Look at the log") == 1
    assert "2 red, 3 not checked" in shown


def test_colour_is_only_beside_the_words() -> None:
    texts = catalogue()
    lines = lines_of({"places": [Said("ok")]}, texts)
    plain = as_text(lines, texts)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d*m", "", as_text(lines, texts, colour=True)) == plain


def test_the_worst_light_is_the_status_and_what_was_not_asked_does_not_count() -> None:
    texts = catalogue()
    ok, some, skipped = Said("ok"), Said("some", VALUES), Said("needs-storage")
    assert status_of(lines_of({"poison": [ok, some]}, texts)) is Light.AMBER
    assert status_of(lines_of({"poison": [ok, skipped]}, texts)) is Light.GREEN
    assert status_of(lines_of({"poison": [some, Said("old", VALUES)]}, texts)) is Light.RED
    assert status_of(lines_of({"poison": [skipped]}, texts)) is Light.SKIPPED


def test_json_has_each_line_with_its_codes_in_any_language(texts: Catalogue) -> None:
    lines = lines_of({"places": [Said("missing", {"names": "journal"})]}, texts)
    told = json.loads(as_json(lines, NOW))
    assert (told["at"], told["status"]) == ("2026-11-22T12:00:00Z", "red")
    [one] = told["lines"]
    assert (one["check"], one["group"], one["light"], one["code"]) == ("places", "storage", "red", "missing")
    assert "journal" in one["said"]
    assert one["remedy"] == texts.text("doctor", "remedies", "places", "missing")
