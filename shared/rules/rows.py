"""Reading a rules file row by row, so that a fault names its file and key."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from shared.rules.errors import RulesError


def read_toml(path: Path) -> dict[str, Any]:
    """The parsed file. Raises `RulesError` if it is missing or no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RulesError(path.name, "(file)", "the file is missing", "restore it from the package") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        fix = "correct that line"
        raise RulesError(path.name, "(file)", f"not valid TOML: {fault}", fix) from None


def row[T: msgspec.Struct](shape: type[T], raw: object, file: str, key: str) -> T:
    """One row as the struct `shape`, which forbids unknown fields. Raises `RulesError`."""
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as fault:
        fields = ", ".join(field.encode_name for field in msgspec.structs.fields(shape))
        raise RulesError(file, key, str(fault), f"give it these keys: {fields}") from None


def table(raw: Mapping[str, Any], file: str, key: str) -> Mapping[str, Any]:
    """The table `key` of a file, with at least one entry. Raises `RulesError`."""
    found = raw.get(key)
    if not isinstance(found, dict) or not found:
        raise RulesError(file, key, "the table is missing or empty", f"add [{key}] with its rows")
    return found


def only(raw: Mapping[str, Any], allowed: tuple[str, ...], file: str) -> None:
    """Refuse keys at the top of a file that nothing reads. Raises `RulesError`."""
    for key in raw:
        if key not in allowed:
            fix = f"delete it; a file of this kind has {', '.join(allowed)}"
            raise RulesError(file, key, "nothing reads this key", fix)


def one_of(value: str, allowed: tuple[str, ...], file: str, key: str) -> str:
    """The value, which must be one of a few words. Raises `RulesError`."""
    if value not in allowed:
        raise RulesError(file, key, f"unknown word {value!r}", f"write one of {', '.join(allowed)}")
    return value


def all_of(raw: Mapping[str, Any], wanted: tuple[str, ...], file: str, key: str) -> None:
    """Demand exactly these keys in a table. Raises `RulesError`."""
    for name in wanted:
        if name not in raw:
            raise RulesError(file, f"{key}.{name}", "the row is missing", f"add {name} to [{key}]")
    for name in raw:
        if name not in wanted:
            fix = f"delete it or name one of {', '.join(wanted)}"
            raise RulesError(file, f"{key}.{name}", "there is no such row", fix)
