"""What is approved: the words of every case, and the schemas of the commands' JSON.

`python -m tests.explain.approve` writes them anew, for somebody to read what changed.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from shared.explain.proof import SNAPSHOT, Proof
from shared.explain.proving import proof_of
from shared.explain.wording import as_text, worded
from shared.rules.loader import load_rules
from shared.snapshot.replaying import Told
from shared.texts.catalogue import catalogue, languages
from tests.judgement.case_file import AT, CASES, EDITIONS, Case, read_cases

APPROVED = Path(__file__).parent / "approved"
HEAD = "=== "
DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMAS = {
    "explain.schema.json": (Proof, "A proof, as explain --json prints it"),
    "replay.schema.json": (Told, "A snapshot judged again, as replay --json prints it"),
}
"""Files of the docs with the type that each describes, and its title."""


def explained(case: Case) -> Proof:
    """The proof of a case, the older edition governing."""
    policy = case.policy(EDITIONS[0])
    return proof_of(case.user(), case.standing(), case.facts(), load_rules(), policy, AT, source=SNAPSHOT)


def text_of(case: Case, language: str) -> str:
    """It in words."""
    return as_text(worded(explained(case), load_rules(), catalogue(language)))


def schema_of(name: str) -> dict[str, Any]:
    """The schema that this file has to be: that of the type itself, whose docstrings describe it."""
    kind, title = SCHEMAS[name]
    made = msgspec.json.schema(kind)
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **made}
    # As it comes back from a file: lists, no tuples.
    return dict(json.loads(json.dumps(whole)))


def main() -> None:
    """Write a file for each language, and each schema."""
    for name in SCHEMAS:
        (DOCS / name).write_text(f"{json.dumps(schema_of(name), indent=2)}\n", encoding="utf-8")
    APPROVED.mkdir(exist_ok=True)
    cases = read_cases(CASES / "verdicts.toml")
    for language in languages():
        parts = (f"{HEAD}{case.name}\n\n{text_of(case, language)}" for case in cases)
        (APPROVED / f"{language}.txt").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
