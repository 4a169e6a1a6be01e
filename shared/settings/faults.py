"""What can be wrong with a setting, as codes with values, and in words of the catalogue.

The catalogue's file is read only where there is a fault. Imports stay within the standard library and
msgspec: this lies on the path of every notification (design §7). No value of what may be a secret is put
in here.
"""

from collections.abc import Mapping

import msgspec

from shared.texts.catalogue import Catalogue


class Problem(msgspec.Struct, frozen=True):
    """What is wrong: a code of `settings.problems` in the catalogue, and its values."""

    code: str
    values: Mapping[str, str | int] = {}


class Remedy(msgspec.Struct, frozen=True):
    """What to do about it: a code of `settings.remedies`, and its values, alike in any language."""

    code: str
    values: Mapping[str, str | int] = {}


class Place(msgspec.Struct, frozen=True):
    """Where in `ROUTES` a fault is: a route by its name, or by its number from 1 where it has none; a field.

    An empty field: the fault is about the fields themselves.
    """

    route: str | int
    field: str = ""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a setting, with its remedy. `through`: the app setting that a field of a route names."""

    setting: str
    problem: Problem
    remedy: Remedy
    place: Place | None = None
    through: str = ""


def in_words(fault: Fault, texts: Catalogue) -> str:
    """One line: the setting, what is wrong with it, and what to do."""
    problem = texts.text("settings", "problems", fault.problem.code, **fault.problem.values)
    if fault.through:
        problem = texts.text("settings", "through", setting=fault.through, problem=problem)
    if fault.place:
        code = "route" if isinstance(fault.place.route, str) else "route_number"
        field = fault.place.field or texts.text("settings", "fields")
        problem = texts.text("settings", code, route=fault.place.route, field=field, problem=problem)
    remedy = texts.text("settings", "remedies", fault.remedy.code, **fault.remedy.values)
    return texts.text("settings", "fault", setting=fault.setting, problem=problem, remedy=remedy)
