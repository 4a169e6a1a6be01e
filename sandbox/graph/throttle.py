"""Throttling: sliding windows of resource units, with a decimal Retry-After (graph.md §9)."""

from collections import deque

from sandbox.graph.permissions import BUCKETS, IDENTITY_SIZES, Call
from sandbox.graph.wire import GraphFault


class Throttle:
    """The buckets of one application in one tenant. Throttled calls count too."""

    def __init__(self) -> None:
        self._spent: dict[str, deque[tuple[float, float]]] = {name: deque() for name in BUCKETS}

    def charge(self, call: Call, units: float, at: float, users: int) -> dict[str, str]:
        """Charge a call at monotonic second `at`; headers for the answer. 429 when the bucket is empty."""
        limit, window = BUCKETS[call.bucket]
        if call.bucket == "identity":
            limit = next((small for size, small in IDENTITY_SIZES if users <= size), limit)
        spent = self._spent[call.bucket]
        while spent and spent[0][0] <= at - window:
            spent.popleft()
        before = sum(cost for _, cost in spent)
        spent.append((at, units))
        headers = {"x-ms-resource-unit": f"{units:g}"} if call.bucket == "identity" else {}
        share = (before + units) / limit
        if share > 0.8:
            headers["x-ms-throttle-limit-percentage"] = f"{min(share, 1.8):.2f}"
        if before + units <= limit:
            return headers
        wait = max(0.1, spent[0][0] + window - at)
        headers["Retry-After"] = f"{wait:.3f}"
        raise GraphFault(429, "TooManyRequests", "Too many requests.", headers)


def cost(call: Call, query: dict[str, str]) -> float:
    """Units of a call: `$select` -1, `$expand` +1, `$top` below 20 -1, never below 1 (graph.md §9)."""
    units = call.units
    units -= "$select" in query
    units += "$expand" in query
    top = query.get("$top", "")
    units -= top.isdigit() and int(top) < 20
    return float(max(1, units))
