"""Misfortune on demand: the next calls that match a path fail in a chosen way."""

import fnmatch
import random
from collections import Counter
from collections.abc import Mapping
from typing import Literal

import msgspec

from sandbox.graph.rates import Rates


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What happens to the next `count` matching calls.

    `path` is a shell pattern over the decoded path without version (`/users/*`, `/$batch`); `where` says
    whether calls of their own, items of a `$batch`, or both are meant. `kind`: `status` answers `status` with
    `code` and `retry_after` (sent as it is written, `2.128`), a 410 with `location`; `reset` drops the
    connection, `lost-answer` does so after the call was carried out; `truncate` sends half of the body;
    `hang` answers nothing for `seconds` and drops the connection; `delay` answers after `seconds`;
    `foreign-link` rewrites the next link to another origin; `html` answers `status` with a page as a gateway
    would. Items know only `status`.
    """

    path: str = "*"
    method: str = "*"
    kind: Literal["status", "reset", "lost-answer", "truncate", "hang", "delay", "foreign-link", "html"] = (
        "status"
    )
    where: Literal["request", "item", "any"] = "request"
    count: int = 1
    status: int = 503
    code: str = "UnknownError"
    retry_after: str | None = None
    location: str | None = None
    seconds: float = 30.0


class Faults:
    """The faults waiting for a call, in the order they were put in; and those that come by chance.

    `met`: how many calls met what, by kind, or by status where that is the kind.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._waiting: list[Fault] = []
        self.met: Counter[str] = Counter()

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
            return self._noted(fault)
        return None

    def draw(self, rates: Rates, path: str, query: Mapping[str, str], *, item: bool) -> Fault | None:
        """A fault by chance, if this call meets one at `fault_rate`; an item only knows statuses."""
        if not rates.fault_rate or self._rng.random() >= rates.fault_rate:
            return None
        if not any(fnmatch.fnmatchcase(path, pattern) for pattern in rates.fault_paths):
            return None
        kind = self._rng.choice(rates.fault_kinds)
        delay = f"{self._rng.uniform(*rates.throttle_delay):.3f}"
        if kind == "gone":
            return self._noted(_gone(query))
        if kind == "hang" or kind == "reset" or kind == "lost-answer" or kind == "truncate":
            seconds = self._rng.uniform(*rates.fault_seconds)
            return self._noted(None if item else Fault(kind=kind, seconds=seconds))
        told = kind in ("429", "503") and self._rng.random() < rates.retry_after_rate
        code = "TooManyRequests" if kind == "429" else "UnknownError"
        return self._noted(Fault(status=int(kind), code=code, retry_after=delay if told else None))

    def _noted(self, fault: Fault | None) -> Fault | None:
        if fault is not None:
            self.met[str(fault.status) if fault.kind == "status" else fault.kind] += 1
        return fault


def _gone(query: Mapping[str, str]) -> Fault | None:
    """A page or delta link that the service no longer knows; nothing for a call without one."""
    if query.get("$skiptoken"):
        return Fault(status=400, code="Directory_ExpiredPageToken")
    if query.get("$deltatoken", "latest") not in ("latest", ""):
        return Fault(status=410, code="syncStateNotFound")
    return None
