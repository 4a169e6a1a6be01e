"""Writes docs/report.schema.json: what `report.json` holds (`make report-schema`).

Types come from the structs, words from `report_schema.toml`, states and kinds from the rules.
"""

import tomllib
from pathlib import Path

import msgspec

from shared.model import Because, Evidence, Finding, OpenFinding, Step
from shared.report.figures import (
    Concern,
    Disagreement,
    Excepted,
    KindCount,
    Need,
    Point,
    Question,
    Report,
    Row,
    SkuSeats,
)
from shared.report.json_form import SCHEMA, Document
from tools.schemas import Schema, Words, described, laid_out, same_names

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "report.schema.json"
WORDS = Path(__file__).with_name("report_schema.toml")

PARTS = (
    Report,
    Question,
    KindCount,
    SkuSeats,
    Need,
    Disagreement,
    Point,
    Excepted,
    Concern,
    OpenFinding,
    Finding,
    Because,
    Step,
    Evidence,
    Row,
)

_DESCRIPTION = (
    "The report of SSPR License Watch as JSON, exactly as this release writes it. A field whose value is its "
    "default may be left out. Programs must be more patient than this schema: ignore fields, and pass over "
    "values, that they do not know. See docs/report.md."
)


def page() -> str:
    """The file's text."""
    return laid_out(schema(tomllib.loads(WORDS.read_text()))) + "\n"


def schema(words: Words) -> Schema:
    """The schema of the whole file. Raises `Undescribed`."""
    _, parts = msgspec.json.schema_components((Document,))
    structs = (Document, *PARTS)
    enums = {name: part for name, part in parts.items() if "enum" in part and part.get("type") != "object"}
    same_names("structs", parts.keys() - enums.keys(), (one.__name__ for one in structs))
    same_names("words", words, (one.__name__ for one in structs))
    found = {one.__name__: described(one, parts[one.__name__], words) for one in structs}
    document = found.pop("Document")
    document["properties"]["schema"] |= {"const": SCHEMA}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Report"}
    return {**head, "description": _DESCRIPTION, **document, "$defs": {**found, **enums}}


if __name__ == "__main__":
    PAGE.write_text(page())
