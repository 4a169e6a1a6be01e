"""What a check says, as data: a code with its values, and the light that the table gives that code."""

import enum
from collections.abc import Mapping

import msgspec


class Light(enum.StrEnum):
    """How something is. `SKIPPED`: it can't be asked from here, or what it rests on is red itself."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    SKIPPED = "skipped"


Values = Mapping[str, str | int]


class Said(msgspec.Struct, frozen=True):
    """What a check found: a code of its row and the values of its sentence; none of them is ever a secret.

    `remedy`: the code whose remedy is to be given, where that is not its own.
    """

    code: str
    values: Values = {}
    remedy: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line for people and programs. `remedy` is empty only where the light is green."""

    check: str
    group: str
    light: Light
    code: str
    said: str
    remedy: str = ""
