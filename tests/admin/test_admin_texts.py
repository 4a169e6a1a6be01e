"""Section `cli` of the catalogue is whole: every code has its words, and no words are left over."""

import re
from pathlib import Path

from admin.words import say
from shared.notify.exceptions import proposals
from shared.texts.catalogue import Catalogue

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    *sorted((ROOT / "admin").glob("*.py")),
    Path(proposals.__file__),
    ROOT / "shared/notify/exceptions/agreed.py",
]
BY_SUBJECT = {f"{what}-{name}" for what in ("no", "long") for name in ("owner", "reason")} | {
    "no-user-id",
    "no-group-id",
    "not-of-user",
    "not-of-group",
}
"""Codes that the source puts together from two words."""


def test_every_fault_that_the_source_names_has_words_and_no_other_has(texts: Catalogue) -> None:
    source = "\n".join(path.read_text() for path in SOURCES)
    named = set(re.findall(r'Fault\(\s*"([\w-]+)"', source)) | {"two-forms"}
    named |= set(re.findall(r'"(late-until(?:-of-kind)?)"', source))
    assert texts.codes("cli", "faults") == named | BY_SUBJECT


def test_every_fault_ends_with_its_remedy(texts: Catalogue) -> None:
    for code in texts.codes("cli", "faults"):
        sentences = texts.find("cli", "faults", code)
        assert sentences is not None
        assert re.search(r"[.:] [A-Z\\'].*\.$", sentences), code


def test_nobody_who_wrote_a_list_is_told_of_options(texts: Catalogue) -> None:
    only_typed = {"no-by", "long-by", "two-forms", "no-such-exception"}
    with_options = {
        code for code in texts.codes("cli", "faults") if "--" in (texts.find("cli", "faults", code) or "")
    }
    assert texts.codes("cli", "faults_in_lists") == with_options - only_typed
    for code in texts.codes("cli", "faults_in_lists"):
        sentences = texts.find("cli", "faults_in_lists", code)
        assert sentences is not None
        assert "--" not in sentences


def test_an_example_is_the_same_command_in_every_language(texts: Catalogue) -> None:
    for command in texts.codes("cli", "examples"):
        typed = texts.text("cli", "examples", command)
        assert re.sub(r'"[^"]*"', '""', typed) == re.sub(r'"[^"]*"', '""', say("examples", command))


def test_values_are_shown_as_they_read() -> None:
    assert "\x1b" not in say("replaces", id="\x1b[2Jx")
    assert "{n}" in say("replaces", id="{n}")
