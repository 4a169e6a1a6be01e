"""What is known of a noted fault, as codes with values: noted as one line, worded where it is shown. Pure.

What Graph answered, or a list of ids, is noted as it stands: that reads alike in any language.
"""

from collections.abc import Sequence

import msgspec

from shared.texts.catalogue import Catalogue, catalogue


class Detail(msgspec.Struct, frozen=True, array_like=True):
    """A code of `health.details` in the catalogue, and its values: ids, times, codes, counts."""

    code: str
    values: dict[str, str | int] = {}


def detail(code: str, **values: str | int) -> str:
    """One detail as it is noted: the same line for the same values, the bare code where there are none."""
    return noted([Detail(code, values)])


def noted(details: Sequence[Detail]) -> str:
    """Several details as one line; empty for none."""
    if len(details) == 1 and not details[0].values:
        return details[0].code
    return msgspec.json.encode(details).decode() if details else ""


def read(line: str) -> tuple[Detail, ...]:
    """The details that such a line holds; none where it is something else."""
    if not line.startswith("["):
        return ()
    try:
        return msgspec.json.decode(line, type=tuple[Detail, ...])
    except msgspec.DecodeError:
        return ()


def in_words(line: str, texts: Catalogue) -> str:
    """The details of a noted line; what is no code, or one that this release does not know, as it stands."""
    found = read(line) or (Detail(line),)
    if not {one.code for one in found} <= texts.codes("health", "details"):
        return line
    return ", ".join(texts.text("health", "details", one.code, **one.values) for one in found)


def for_the_log(line: str) -> str:
    """As `in_words`, in the language of the log."""
    return in_words(line, catalogue())
