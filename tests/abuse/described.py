"""What docs/openapi.json says, for tests to hold against what the app does."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = json.loads(TEXT)

OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    (method.upper(), path): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
"""By method and path."""


def stated(method: str, path: str) -> frozenset[int]:
    """The statuses that the file states for a route."""
    return frozenset(int(status) for status in OPERATIONS[method, path]["responses"])
