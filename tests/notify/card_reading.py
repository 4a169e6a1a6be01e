"""What a card says, read back from its payload, and what Microsoft's schema says of it."""

import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import msgspec


def all_texts(payload: Any) -> Iterator[str]:
    """Every string of a payload that people may see."""
    if isinstance(payload, Mapping):
        for key, value in payload.items():
            if isinstance(value, str) and key in ("text", "title", "value", "fallbackText"):
                yield value
            else:
                yield from all_texts(value)
    elif isinstance(payload, list):
        for one in payload:
            yield from all_texts(one)


ALLOWED = {"AdaptiveCard", "TextBlock", "Container", "FactSet", "ColumnSet", "Column", "Action.OpenUrl"}
"""Elements that our cards are made of."""


def kinds_of(node: Any) -> set[str]:
    """Every element type in a card."""
    if isinstance(node, dict):
        own = {node["type"]} if isinstance(node.get("type"), str) else set()
        return own.union(*(kinds_of(one) for one in node.values()))
    return set().union(*(kinds_of(one) for one in node)) if isinstance(node, list) else set()


def schema_faults(payload: Mapping[str, Any]) -> list[str]:
    """What Microsoft's schema of Adaptive Cards 1.4 objects to; `msteams` is Teams' own and not in it."""
    content = {key: value for key, value in payload["attachments"][0]["content"].items() if key != "msteams"}
    return [fault.message for fault in _validator().iter_errors(content)]


@functools.cache
def _validator() -> jsonschema.Draft6Validator:
    spec = find_spec("adaptive_cards")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "schemas" / "schema-1.4.json"
    return jsonschema.Draft6Validator(json.loads(path.read_text()))


def size(payload: Mapping[str, Any]) -> int:
    """Bytes of a payload as it is sent."""
    return len(msgspec.json.encode(payload))


def facts_of(payload: Mapping[str, Any]) -> dict[str, str]:
    """The facts of a card by title, and its counts by what is counted; of two with one title the last."""
    found: dict[str, str] = {}
    for one in payload["attachments"][0]["content"]["body"]:
        if one["type"] == "Container":
            for row in one["items"]:
                title, value = (column["items"][0]["text"] for column in row["columns"])
                found[title] = value
        elif one["type"] == "FactSet":
            found |= {count["value"]: count["title"] for count in one["facts"]}
    return found


def text_of(payload: Mapping[str, Any]) -> str:
    """Everything that people may see, a line each."""
    return "\n".join(all_texts(payload))


def remedy_of(payload: Mapping[str, Any], heading: str = "What to do") -> list[str]:
    """The paragraphs of what to do, as they stand: up to the next heading, or the remarks in small print."""
    body = payload["attachments"][0]["content"]["body"]
    begins = next(number for number, one in enumerate(body) if one.get("text") == heading)
    paragraphs = itertools.takewhile(_is_paragraph, body[begins + 1 :])
    return [one["text"] for one in paragraphs]


def _is_paragraph(one: Mapping[str, Any]) -> bool:
    return one["type"] == "TextBlock" and not one.get("isSubtle") and not one.get("weight")


def title_of(payload: Mapping[str, Any]) -> str:
    """The card's title."""
    title: str = payload["attachments"][0]["content"]["body"][0]["text"]
    return title


def commands_of(payload: Mapping[str, Any]) -> list[str]:
    """What stands in monospace."""
    body = payload["attachments"][0]["content"]["body"]
    return [one["text"] for one in body if one.get("fontType") == "monospace"]
