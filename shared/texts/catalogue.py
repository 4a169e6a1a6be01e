"""The words the watch uses to people: one TOML file a language, looked up by code, filled in with values.

A text is a sentence with `{names}` of values. The values are put in as they are: whoever shows them escapes
them first (`shared/texts/plain.py`). A missing text is an error of ours: tests hold every code against the
catalogue, and every language against English.

A new language is a new file here, named as HTML names languages (`de.toml`); nothing else knows them.

The settings ask which languages there are before the first call is answered (design §7): neither tomllib nor
pathlib is imported until a text is read.
"""

import functools
import os
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

DEFAULT = "en"
"""The language that the others are held against."""

FOLDER = os.path.dirname(__file__)
"""Where the packaged texts are."""

_FILE = ".toml"
_PLACE = re.compile(r"\{(\w+)\}")


class MissingText(LookupError):
    """A code that has no text, or a text whose value was not given. `path` names it."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"no text for {path}")


class Catalogue:
    """The texts of one language."""

    def __init__(self, language: str, tree: Mapping[str, Any]) -> None:
        self.language = language
        self._tree = tree

    def find(self, *path: str) -> str | None:
        """The text at this path, or None."""
        node: object = self._tree
        for part in path:
            node = node.get(part) if isinstance(node, Mapping) else None
        return node if isinstance(node, str) else None

    def text(self, *path: str, **values: str | int) -> str:
        """The text at this path with its values filled in. Raises `MissingText`."""
        found = self.find(*path)
        if found is None:
            raise MissingText(".".join(path))
        return fill(found, values, ".".join(path))

    def places(self, *path: str) -> frozenset[str]:
        """The names of the values that a text asks for. Raises `MissingText`."""
        found = self.find(*path)
        if found is None:
            raise MissingText(".".join(path))
        return frozenset(_PLACE.findall(found))

    def codes(self, *path: str) -> frozenset[str]:
        """The codes that have an entry below this path."""
        node: object = self._tree
        for part in path:
            node = node.get(part) if isinstance(node, Mapping) else None
        return frozenset(node) if isinstance(node, Mapping) else frozenset()

    def day(self, value: date) -> str:
        """A date as people of this language write it: `24 October 2017`."""
        month = self.text("months", str(value.month))
        return self.text("format", "day", day=value.day, month=month, year=value.year)

    def moment(self, value: datetime) -> str:
        """A time in UTC, said so: `24 October 2017, 09:05 UTC`."""
        return self.text("format", "moment", day=self.day(value.date()), time=f"{value:%H:%M}")

    def number(self, value: int) -> str:
        """A count with thousands set apart."""
        return f"{value:,}".replace(",", self.text("format", "thousands"))


def fill(text: str, values: Mapping[str, str | int], path: str = "") -> str:
    """Put values in the places of a text. Raises `MissingText` for a place without a value."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise MissingText(f"{path}: value {found[1]}")
        return str(values[found[1]])

    return _PLACE.sub(value, text)


def languages(folder: str | os.PathLike[str] = FOLDER) -> tuple[str, ...]:
    """The languages that there is a file of, in order."""
    return tuple(sorted(name.removesuffix(_FILE) for name in os.listdir(folder) if name.endswith(_FILE)))


@functools.cache
def catalogue(language: str = DEFAULT, folder: str | os.PathLike[str] = FOLDER) -> Catalogue:
    """The texts of a language. Raises `MissingText` for a language that there is no file of."""
    import tomllib

    if language not in languages(folder):
        raise MissingText(f"language {language}")
    with open(os.path.join(folder, f"{language}{_FILE}"), "rb") as file:
        return Catalogue(language, tomllib.load(file))
