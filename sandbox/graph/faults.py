"""Misfortune on demand: the next calls that match a path fail in a chosen way."""

import fnmatch
from typing import Literal

import msgspec


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What happens to the next `count` matching calls.

    `path` is a shell pattern over the decoded path without version (`/users/*`, `/$batch`); `where` says
    whether calls of their own, items of a `$batch`, or both are meant. `kind`: `status` answers `status` with
    `code` and `retry_after` (sent as it is written, `2.128`); `reset` drops the connection; `truncate` sends
    half of the body; `hang` answers nothing for `seconds`; `delay` answers after `seconds`; `foreign-link`
    rewrites the next link to another origin; `html` answers `status` with a page as a gateway would. Items
    know only `status`.
    """

    path: str = "*"
    method: str = "*"
    kind: Literal["status", "reset", "truncate", "hang", "delay", "foreign-link", "html"] = "status"
    where: Literal["request", "item", "any"] = "request"
    count: int = 1
    status: int = 503
    code: str = "UnknownError"
    retry_after: str | None = None
    seconds: float = 30.0


class Faults:
    """The faults waiting for a call, in the order they were put in."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def put(self, fault: Fault) -> None:
        """Have `fault.count` matching calls fail."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Forget every waiting fault."""
        self._waiting.clear()

    @property
    def waiting(self) -> int:
        """How many calls are still to fail."""
        return sum(fault.count for fault in self._waiting)

    def take(self, method: str, path: str, *, item: bool) -> Fault | None:
        """The fault of this call, if one waits for it."""
        for fault in self._waiting:
            if fault.where != "any" and (fault.where == "item") != item:
                continue
            if item and fault.kind != "status":
                continue
            if not fnmatch.fnmatchcase(method, fault.method) or not fnmatch.fnmatchcase(path, fault.path):
                continue
            fault.count -= 1
            if fault.count <= 0:
                self._waiting.remove(fault)
            return fault
        return None
