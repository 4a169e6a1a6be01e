"""Writes docs/rules.md: every rule of every edition with its quotation and source (`make rules-page`)."""

from pathlib import Path

from shared.rules.loader import load_rules

PAGE = Path(__file__).resolve().parent.parent / "docs" / "rules.md"


def page() -> str:
    """The page, from the editions as data."""
    parts = [
        "# The rules, as Microsoft words them\n\n"
        "Written from `shared/rules/editions/` by `make rules-page`; an edition is one dated page.\n"
    ]
    for edition in load_rules().editions.values():
        parts.append(f"\n## {edition.id}: {edition.title}\n\n{edition.page}\n{edition.source}\n\n")
        parts.append("| rule | about | Microsoft says |\n|---|---|---|\n")
        for rule in edition.rules.values():
            after = f" (follows {', '.join(rule.follows)})" if rule.follows else ""
            parts.append(f"| {rule.id}{after} | {rule.level} | {rule.quote.replace('|', '/')} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
