"""Reads `tests/cases/licence_errors.toml`: what is found of each failed licence, in the words of a card."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from shared.model import Finding
from shared.notify.saying.names import Names, Person
from shared.notify.saying.wording import Wording
from shared.rules.loader import Rules, load_rules
from shared.texts.catalogue import catalogue, languages
from tests.findings.finding_cases import USER_ID, Case, subject_id
from tests.notify.card_samples import entry_of

LANGUAGES = languages()
FILE = Path(__file__).parents[1] / "cases" / "licence_errors.toml"


class Told(msgspec.Struct, frozen=True):
    """One finding that a case expects, and one that was found: `shown` by language, as a card words it."""

    of: str
    kind: str
    about: str
    state: str
    cause: str
    steps: tuple[str, ...]
    shown: Mapping[str, Mapping[str, Any]] = {}


def load() -> list[Case]:
    """All cases of the file, in order."""
    rules = load_rules()
    return [Case(raw, rules) for raw in tomllib.loads(FILE.read_text(encoding="utf-8"))["case"]]


def expected(case: Case) -> list[Told]:
    """What the case says must be told; a language that it leaves out is not looked at."""
    return [
        Told(
            of=one["of"],
            kind=one["kind"],
            about=one["about"],
            state=one["state"],
            cause=one["cause"],
            steps=tuple(one["steps"]),
            shown={language: one[language] for language in LANGUAGES if language in one},
        )
        for one in case.raw.get("told", ())
    ]


def found(case: Case) -> Iterator[tuple[str, Finding]]:
    """What was found, but for the user's coverage: a failed licence is told as such."""
    for subject, several in case.found.items():
        yield from ((subject, one) for one in several if one.kind != "coverage")


def told(case: Case, subject: str, finding: Finding, languages: tuple[str, ...] = LANGUAGES) -> Told:
    """A finding with its codes and its words in each of the languages."""
    return Told(
        of=subject,
        kind=finding.kind,
        about=str(case.readable(finding.about)),
        state=finding.state,
        cause=finding.cause,
        steps=tuple(one.step for one in finding.remedy),
        shown={language: in_words(case.rules, language, subject, finding) for language in languages},
    )


def in_words(rules: Rules, language: str, subject: str, finding: Finding) -> dict[str, Any]:
    """Cause and steps as a card in that language has them; the group is called Licensing."""
    texts = catalogue(language)
    names = Names(
        texts=texts,
        style="full",
        users={USER_ID: Person("Some One", "someone@contoso.example")},
        groups={"group-1": "Licensing"},
        product=rules.skus.name,
        tenant="Contoso",
    )
    wording = Wording(texts, names, rules)
    subject_type = subject if subject in ("user", "tenant") else "group"
    one = entry_of(finding, subject_type, subject_id(subject))
    return {"cause": wording.cause(one), "steps": wording.steps(one)}
