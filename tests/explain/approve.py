"""The approved words of every case; `python -m tests.explain.approve` writes them anew, to be read."""

from pathlib import Path

from shared.explain.proof import SNAPSHOT, Proof
from shared.explain.proving import proof_of
from shared.explain.wording import as_text, worded
from shared.rules.loader import load_rules
from shared.texts.catalogue import catalogue, languages
from tests.judgement.case_file import AT, CASES, EDITIONS, Case, read_cases

APPROVED = Path(__file__).parent / "approved"
HEAD = "=== "


def explained(case: Case) -> Proof:
    """The proof of a case, the older edition governing."""
    policy = case.policy(EDITIONS[0])
    return proof_of(case.user(), case.standing(), case.facts(), load_rules(), policy, AT, source=SNAPSHOT)


def text_of(case: Case, language: str) -> str:
    """It in words."""
    return as_text(worded(explained(case), load_rules(), catalogue(language)))


def main() -> None:
    """Write a file for each language."""
    APPROVED.mkdir(exist_ok=True)
    cases = read_cases(CASES / "verdicts.toml")
    for language in languages():
        parts = (f"{HEAD}{case.name}\n\n{text_of(case, language)}" for case in cases)
        (APPROVED / f"{language}.txt").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
