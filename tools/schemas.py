"""JSON Schemas from our structs: types from the code, words from a TOML file beside the tool.

A field of which the file says nothing stops the writing, and so does one that is only in the file.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

WIDTH = 110

Schema = dict[str, Any]
Words = Mapping[str, Mapping[str, Schema]]


class Undescribed(Exception):
    """The words and the code don't name the same fields."""

    def __init__(self, table: str, names: Iterable[str]) -> None:
        super().__init__(f"[{table}]: only in the words, or only in the code: {', '.join(sorted(names))}")


def laid_out(value: Any, margin: str = "") -> str:
    """JSON with whatever fits on a line in one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(margin) + len(flat) <= WIDTH or not isinstance(value, dict | list):
        return flat
    inner = margin + "  "
    if isinstance(value, list):
        rows = [laid_out(one, inner) for one in value]
        return f"[\n{inner}" + f",\n{inner}".join(rows) + f"\n{margin}]"
    rows = [f"{json.dumps(name)}: {laid_out(one, inner)}" for name, one in value.items()]
    return f"{{\n{inner}" + f",\n{inner}".join(rows) + f"\n{margin}}}"


def described(struct: type[msgspec.Struct], part: Schema, words: Words) -> Schema:
    """The struct's own schema with words to each field; what is always written is required."""
    table = dict(words[struct.__name__])
    own = table.pop("", {})
    same_names(struct.__name__, part["properties"], table)
    always = part.get("required", []) if struct.__struct_config__.omit_defaults else list(part["properties"])
    properties = {name: {**one, **table[name]} for name, one in part["properties"].items()}
    title = {"title": part["title"]} if own else {}
    return {
        **title,
        **own,
        "type": "object",
        "properties": properties,
        "required": always,
        "additionalProperties": False,
    }


def same_names(table: str, in_code: Iterable[str], in_words: Iterable[str]) -> None:
    """Raises `Undescribed` unless both name the same."""
    if differing := set(in_code) ^ set(in_words):
        raise Undescribed(table, differing)
