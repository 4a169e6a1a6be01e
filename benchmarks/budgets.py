"""The rows that there are, from budgets.toml, and why a budget does not hold, from reasons.toml."""

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.rows import TIMES, Row

HERE = Path(__file__).resolve().parent


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a row is about. `most` or `least`, not both; `means`: one sentence for an administrator.

    `short`: its name in a chart of budgets.
    """

    what: str
    short: str = ""
    means: str
    unit: str = TIMES
    most: float | None = None
    least: float | None = None


@functools.cache
def budgets() -> Mapping[str, Budget]:
    """Every row by its id, in the order of the table. Raises `msgspec.ValidationError` for a wrong file."""
    read = tomllib.loads((HERE / "budgets.toml").read_text(encoding="utf-8"))
    return msgspec.convert(read, dict[str, Budget])


def reasons() -> Mapping[str, str]:
    """Why a budget is known not to hold, by the id of its row."""
    read = tomllib.loads((HERE / "reasons.toml").read_text(encoding="utf-8"))
    return msgspec.convert(read, dict[str, str])


def row(
    row_id: str,
    measured: float,
    note: str = "",
    *,
    times: int = 1,
    most: float | None = None,
    **names: str,
) -> Row:
    """A row of budgets.toml as measured. `most`: a budget that hangs on the run. Raises `KeyError`."""
    given = budgets()[row_id]
    budget = given.least if given.least is not None else given.most if most is None else most
    return Row(
        id=row_id,
        what=given.what.format_map(names),
        measured=measured,
        budget=budget,
        unit=given.unit,
        more=given.least is not None,
        note=note,
        times=times,
    )
