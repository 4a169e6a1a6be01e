"""Writes docs/snapshot.schema.json: what a line of a snapshot looks like (`make snapshot-schema`).

Types come from the structs, words from `snapshot_schema.toml`.
"""

import tomllib
from pathlib import Path

import msgspec

from shared.model import (
    CommerceSubscription,
    Evidence,
    GroupError,
    Identity,
    LicensingGroup,
    Registration,
    Sku,
    Standing,
    TenantFacts,
    User,
)
from shared.model.users import AssignedLicense, LicenseAssignmentState
from shared.rules.policy import Policy
from shared.snapshot.lines import End, Head, Reading
from tools.schemas import Schema, Words, described, laid_out, same_names

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "snapshot.schema.json"
WORDS = Path(__file__).with_name("snapshot_schema.toml")

LINES = (Head, Reading, End)
PARTS = (
    Policy,
    TenantFacts,
    Sku,
    CommerceSubscription,
    LicensingGroup,
    GroupError,
    Evidence,
    User,
    Identity,
    AssignedLicense,
    LicenseAssignmentState,
    Standing,
    Registration,
)

_DESCRIPTION = (
    "One line of a snapshot of SSPR License Watch, exactly as this release writes it: a head, a user or an "
    "end, told apart by `line`. A field whose value is its default may be left out. See docs/snapshot.md."
)


def page() -> str:
    """The file's text."""
    return laid_out(schema(tomllib.loads(WORDS.read_text()))) + "\n"


def schema(words: Words) -> Schema:
    """The schema of one line. Raises `Undescribed`."""
    structs = (*LINES, *PARTS)
    _, parts = msgspec.json.schema_components(LINES)
    status = parts.pop("EvidenceStatus")
    same_names("structs", parts, (one.__name__ for one in structs))
    same_names("words", words, (one.__name__ for one in structs))
    found = {one.__name__: described(one, parts[one.__name__], words) for one in structs}
    how = found["Evidence"]["properties"]["status"]
    for name in ("$ref", "allOf", "anyOf"):
        how.pop(name, None)
    how |= {"type": "string", "enum": status["enum"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Line of a snapshot",
        "description": _DESCRIPTION,
        "oneOf": [{"$ref": f"#/$defs/{one.__name__}"} for one in LINES],
        "$defs": found,
    }


if __name__ == "__main__":
    PAGE.write_text(page())
