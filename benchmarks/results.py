"""A whole run of `make bench`, as it is kept in docs/bench.json: page and charts are made of that."""

from pathlib import Path

import msgspec

from benchmarks.machine import Machine
from benchmarks.rows import Row

KEPT = Path(__file__).resolve().parent.parent / "docs" / "bench.json"


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a run and what they were measured with. `seconds` of the clock for all of it."""

    machine: Machine
    command: str
    seconds: float
    users: int
    sample: int
    rows: tuple[Row, ...]

    def find(self, row_id: str) -> Row | None:
        """The row of that id, if it was measured."""
        return next((row for row in self.rows if row.id == row_id), None)


def as_json(results: Results) -> bytes:
    """For programs: the rows with `ok`, whether each keeps its budget."""
    shown = msgspec.to_builtins(results)
    shown["rows"] = [{**msgspec.to_builtins(row), "ok": row.ok} for row in results.rows]
    return msgspec.json.format(msgspec.json.encode(shown)) + b"\n"


def read(data: bytes) -> Results:
    """What `as_json` wrote. Raises `msgspec.ValidationError`."""
    return msgspec.json.decode(data, type=Results)
