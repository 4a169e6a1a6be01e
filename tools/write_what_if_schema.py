"""Writes docs/what-if.schema.json: what `python -m admin what-if --json` prints (`make what-if-schema`)."""

import json
from pathlib import Path
from typing import Any

import msgspec

from shared.whatif.outcome import SCHEMA, Outcome

FILE = Path(__file__).resolve().parents[1] / "docs" / "what-if.schema.json"


def schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12."""
    made = msgspec.json.schema(Outcome)
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "What a change would do"}
    made["$defs"]["Outcome"]["properties"]["schema"] = {"const": SCHEMA}
    return {**title, **made}


def text() -> str:
    """The file as it stands in docs."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
