"""Every language says the same as English, whole; and a new language is a new file."""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.texts.catalogue import DEFAULT, FOLDER, Catalogue, MissingText, catalogue, languages
from tests.notify.test_card_names import inert
from tests.settings.good_settings import GOOD
from tests.texts import comparing
from tests.texts.comparing import may_be_alike, texts_of

ENGLISH = texts_of(Path(FOLDER) / f"{DEFAULT}.toml")
OTHERS = [language for language in languages() if language != DEFAULT]
ROOT = Path(__file__).resolve().parents[2]

# Words that stand in nearly every English sentence and in no other language's.
REMNANT = re.compile(r"(?i)\b(the|with|which|this|from|they|there|would|should|n't)\b")


@pytest.fixture(params=OTHERS)
def language(request: pytest.FixtureRequest) -> str:
    """Each language but English."""
    return str(request.param)


@pytest.fixture
def other(language: str) -> dict[str, str]:
    """Its texts."""
    return texts_of(Path(FOLDER) / f"{language}.toml")


def listed(fault: str, lines: list[str]) -> str:
    """A message to go by."""
    return f"{fault}: {len(lines)}\n" + "\n".join(lines)


# --- each language against English ------------------------------------------------------------------------


def test_english_and_dutch_are_there() -> None:
    assert {"en", "nl"} <= set(languages())


def test_every_language_loads_and_is_named_as_html_names_languages(texts: Catalogue) -> None:
    assert re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]{2,4})?", texts.language)
    assert texts.text("card", "why")


def test_a_language_lacks_no_text(language: str, other: dict[str, str]) -> None:
    lines = comparing.missing(ENGLISH, other)
    assert not lines, listed(f"shared/texts/{language}.toml lacks these texts, here in English", lines)


def test_a_language_has_no_text_left_over(language: str, other: dict[str, str]) -> None:
    lines = comparing.left_over(ENGLISH, other)
    assert not lines, listed(f"shared/texts/{language}.toml has these texts, and English does not", lines)


def test_a_language_drops_no_value_and_adds_none(language: str, other: dict[str, str]) -> None:
    lines = comparing.other_values(ENGLISH, other)
    assert not lines, listed(f"shared/texts/{language}.toml has other {{values}} in these texts", lines)


def test_a_language_keeps_settings_permissions_addresses_and_numbers(
    language: str, other: dict[str, str]
) -> None:
    lines = comparing.other_names(ENGLISH, other)
    assert not lines, listed(f"shared/texts/{language}.toml has other names or numbers in these texts", lines)


def test_a_language_has_sentences_where_english_has_them(language: str, other: dict[str, str]) -> None:
    lines = comparing.other_ends(ENGLISH, other)
    assert not lines, listed(f"shared/texts/{language}.toml ends these texts otherwise", lines)


def test_no_text_is_left_in_english(language: str, other: dict[str, str]) -> None:
    lines = comparing.untranslated(ENGLISH, other, may_be_alike(language))
    assert not lines, listed(f"shared/texts/{language}.toml has these texts in English", lines)
    half = [path for path, text in other.items() if REMNANT.search(text)]
    assert not half, listed(f"shared/texts/{language}.toml has English words in these texts", half)


def test_each_text_that_may_read_as_in_english_is_there_and_has_a_reason(language: str) -> None:
    for path, reason in may_be_alike(language).items():
        assert path in ENGLISH
        assert len(reason.split()) >= 3, path


def test_no_text_is_markup(texts: Catalogue) -> None:
    for path, text in texts_of(Path(FOLDER) / f"{texts.language}.toml").items():
        bare = re.sub(r"\{\w+\}", "x", text)
        assert not set(bare) & set("{}<>"), path
        assert inert(bare), path


@pytest.mark.parametrize("language", languages())
def test_no_text_sends_an_administrator_to_a_file_of_the_source(language: str) -> None:
    own = re.compile(r"\b(?:shared|functions|sandbox|tests|tools)/|\.(?:py|toml)\b")
    texts = texts_of(Path(FOLDER) / f"{language}.toml")
    lines = [f"{path}: {text}" for path, text in texts.items() if own.search(text)]
    assert not lines, listed("These texts name a file of ours", lines)


def test_a_time_is_said_to_be_utc_and_a_count_is_readable(texts: Catalogue) -> None:
    assert "UTC" in texts.moment(datetime(2017, 10, 24, 9, 5, tzinfo=UTC))
    assert re.fullmatch(r"1\D?234\D?567", texts.number(1234567))


def test_dutch_dates_times_and_counts_are_written_as_people_do() -> None:
    dutch = catalogue("nl")
    assert dutch.moment(datetime(2017, 10, 24, 9, 5, tzinfo=UTC)) == "24 oktober 2017 om 09:05 uur (UTC)"
    assert dutch.number(1234567) == "1.234.567"


# --- the comparison itself --------------------------------------------------------------------------------


def test_a_missing_text_is_named_with_the_english_to_translate() -> None:
    assert comparing.missing({"a.b": 'Say "no"', "c": "x"}, {"c": "y"}) == ['a.b = "Say \\"no\\""']
    assert comparing.left_over({"c": "x"}, {"a.b": "zo", "c": "y"}) == ['a.b = "zo"']


def test_what_is_the_same_in_english_is_found_unless_it_may_be() -> None:
    assert comparing.untranslated({"a": "x", "b": "y"}, {"a": "x", "b": "y"}, ["b"]) == ['a = "x"']


@pytest.mark.parametrize("wrong", ["{n} van {n}", "van {m}", "{n} van {m} {k}", "{n} van {m} en {m}"])
def test_a_value_that_is_dropped_added_or_told_twice_is_found(wrong: str) -> None:
    assert comparing.other_values({"a": "{n} of {m}"}, {"a": "{m} van {n}"}) == []
    assert len(comparing.other_values({"a": "{n} of {m}"}, {"a": wrong})) == 1


@pytest.mark.parametrize(
    "wrong", ["Geef User.ReadWrite.All", "Geef rechten", "Zet SSPR_SCOPE, User.Read.All"]
)
def test_a_permission_or_setting_that_is_renamed_is_found(wrong: str) -> None:
    assert comparing.other_names({"a": "Grant User.Read.All"}, {"a": "Geef User.Read.All"}) == []
    assert len(comparing.other_names({"a": "Grant User.Read.All"}, {"a": wrong})) == 1


def test_a_function_of_the_app_that_is_renamed_is_found() -> None:
    english = {"a": "Functions › tenant_facts › Invocations"}
    assert comparing.other_names(english, {"a": "Functies › tenant_facts › Aanroepen"}) == []
    assert len(comparing.other_names(english, {"a": "Functies › tenant_feiten › Aanroepen"})) == 1


def test_a_number_may_have_its_thousands_set_apart_otherwise_and_no_other_digits() -> None:
    assert comparing.other_names({"a": "1,000 of 10"}, {"a": "1.000 van 10"}) == []
    assert len(comparing.other_names({"a": "1,000 of 10"}, {"a": "100 van 10"})) == 1


def test_marks_tell_our_own_words_from_those_of_elsewhere() -> None:
    texts = comparing.marked(Path(FOLDER) / "en.toml")
    said = texts.text("format", "and", first="Ada", last="some words")
    assert comparing.from_elsewhere(said) == {"Ada", "some", "words"}
    assert comparing.from_elsewhere(said, ["Ada", "some words"]) == set()


# --- a new language is a new file -------------------------------------------------------------------------

USE = """
import os
from shared.settings import load
from shared.texts.catalogue import catalogue
settings = load(os.environ)
print(settings.telling.language, catalogue(settings.telling.language).text("card", "who"))
"""


def watch_with(folder: Path, language: str) -> subprocess.CompletedProcess[str]:
    """A watch in that folder, started in that language; it says the language and a word of it."""
    environ = {**os.environ, **GOOD, "WATCH_LANGUAGE": language, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", USE], cwd=folder, env=environ, capture_output=True, text=True
    )


def test_a_new_language_is_a_new_file_and_nothing_else(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "shared", tmp_path / "shared", ignore=shutil.ignore_patterns("__pycache__"))
    refused = watch_with(tmp_path, "fy")
    assert refused.returncode != 0
    assert f"WATCH_LANGUAGE: 'fy' is not known. Use one of: {', '.join(languages())}" in refused.stderr
    frisian = (Path(FOLDER) / "nl.toml").read_text(encoding="utf-8").replace('who = "Wie"', 'who = "Wa"')
    (tmp_path / "shared" / "texts" / "fy.toml").write_text(frisian, encoding="utf-8")
    accepted = watch_with(tmp_path, "fy")
    assert (accepted.returncode, accepted.stdout, accepted.stderr) == (0, "fy Wa\n", "")


def test_languages_are_found_by_their_files(tmp_path: Path) -> None:
    assert languages(tmp_path) == ()
    for name in ("fy.toml", "de.toml", "notes.txt"):
        (tmp_path / name).write_text('[card]\nwho = "x"\n')
    assert languages(tmp_path) == ("de", "fy")
    assert catalogue("fy", tmp_path).language == "fy"
    with pytest.raises(MissingText, match="language en"):
        catalogue("en", tmp_path)
