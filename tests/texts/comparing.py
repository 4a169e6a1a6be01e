"""Holds the texts of a language against the English ones. What differs is listed as TOML, to go by."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shared.texts.catalogue import Catalogue

Texts = Mapping[str, str]
"""Texts by their path, `kinds.coverage.why`, in the order of the file."""

ALIKE = Path(__file__).parent / "alike.toml"
"""The texts that may read as in English."""

_PLACE = re.compile(r"\{(\w+)\}")
_KEPT = re.compile(r"\w+_\w+|\w+(?:[./]\w+)+|(?:/\w+)+|\d+")
_THOUSANDS = re.compile(r"(?<=\d)[.,\u00a0\u202f](?=\d{3})")

OPENING, CLOSING = "⟦", "⟧"
_MARKED = re.compile(f"{OPENING}[^{OPENING}{CLOSING}]*{CLOSING}")
_WORD = re.compile(r"[^\W\d_]+")


def texts_of(path: Path) -> dict[str, str]:
    """The texts of a language's file."""
    return dict(_flat(tomllib.loads(path.read_text(encoding="utf-8"))))


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, str]]:
    for key, node in tree.items():
        if isinstance(node, Mapping):
            yield from _flat(node, f"{above}{key}.")
        else:
            assert isinstance(node, str), f"{above}{key} is no text"
            yield f"{above}{key}", node


def missing(english: Texts, other: Texts) -> list[str]:
    """What English has and the other does not: lines that need only be translated."""
    return [_line(path, text) for path, text in english.items() if path not in other]


def left_over(english: Texts, other: Texts) -> list[str]:
    """What the other has and English does not."""
    return [_line(path, text) for path, text in other.items() if path not in english]


def untranslated(english: Texts, other: Texts, alike: Iterable[str]) -> list[str]:
    """Texts that read as in English and are not among those that may."""
    may = set(alike)
    return [
        _line(path, text) for path, text in other.items() if english.get(path) == text and path not in may
    ]


def other_values(english: Texts, other: Texts) -> list[str]:
    """Texts that drop a value of the English one, add one or tell one twice."""
    return _differing(english, other, lambda text: Counter(_PLACE.findall(text)))


def other_names(english: Texts, other: Texts) -> list[str]:
    """Texts in which a setting, permission, address, file or number is not the English one's."""
    return _differing(
        english, other, lambda text: set(_KEPT.findall(_THOUSANDS.sub("", _PLACE.sub("", text))))
    )


def other_ends(english: Texts, other: Texts) -> list[str]:
    """Texts that are a sentence in one language and a piece of one in the other."""
    return _differing(english, other, lambda text: bool(_WORD.search(text)) and text.endswith("."))


def _differing(english: Texts, other: Texts, of: Any) -> list[str]:
    common = (path for path in english if path in other)
    return [
        f"{_line(path, other[path])}\n  English: {english[path]}"
        for path in common
        if of(english[path]) != of(other[path])
    ]


def _line(path: str, text: str) -> str:
    return f"{path} = {json.dumps(text, ensure_ascii=False)}"


def may_be_alike(language: str) -> dict[str, str]:
    """The texts of a language that may read as in English, each with its reason."""
    rows = tomllib.loads(ALIKE.read_text(encoding="utf-8"))
    return {**rows.get("every", {}), **rows.get(language, {})}


# --- marks -----------------------------------------------------------------------------------------------


def marked(path: Path) -> Catalogue:
    """A catalogue that has marks about every word of its own; what is not in marks came from elsewhere."""

    def mark(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: mark(one) for key, one in node.items()}
        parts = re.split(r"(\{\w+\})", node)
        return "".join(
            part if _PLACE.fullmatch(part) or not part else f"{OPENING}{part}{CLOSING}" for part in parts
        )

    return Catalogue(path.stem, mark(tomllib.loads(path.read_text(encoding="utf-8"))))


def from_elsewhere(text: str, known: Iterable[str] = ()) -> set[str]:
    """The words outside marks, save those of `known` names and codes."""
    rest = _MARKED.sub(" ", text)
    for one in sorted(known, key=len, reverse=True):
        rest = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", " ", rest) if one else rest
    return set(_WORD.findall(rest))


def written_in_code(texts: Iterable[str], known: Iterable[str] = ()) -> dict[str, set[str]]:
    """By text, the words that are `from_elsewhere`: of all that people see, worded by a marked catalogue."""
    names_and_codes = set(known)
    found = {text: from_elsewhere(text, names_and_codes) for text in texts}
    return {text: words for text, words in found.items() if words}
