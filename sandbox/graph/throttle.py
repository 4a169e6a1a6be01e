"""Throttling: sliding windows of resource units, and what answers tell of them (graph.md §9)."""

import math
from collections import deque

from sandbox.graph.permissions import BUCKETS, IDENTITY_SIZES, Call
from sandbox.graph.wire import Caller, GraphFault

_OF_SUBSCRIPTIONS = {
    "list-subscriptions": "list",
    "get-subscription": "get",
    "write-subscriptions": "write",
    "reauthorize": "reauthorize",
}


class Throttle:
    """The buckets of one application in one tenant. Throttled calls count too.

    `most`: the largest share of each bucket that was ever spent at once; over 1 where somebody was refused.
    """

    def __init__(self) -> None:
        self._spent: dict[str, deque[tuple[float, float]]] = {name: deque() for name in BUCKETS}
        self._sums = dict.fromkeys(BUCKETS, 0.0)
        self.most = dict.fromkeys(BUCKETS, 0.0)

    def charge(
        self, call: Call, units: float, at: float, users: int, holder: Caller, tenant_id: str
    ) -> dict[str, str]:
        """Charge a call at monotonic second `at`; headers for the answer. 429 when the bucket is empty."""
        limit, window = BUCKETS[call.bucket]
        if call.bucket == "identity":
            limit = next((small for size, small in IDENTITY_SIZES if users <= size), limit)
        spent = self._spent[call.bucket]
        while spent and spent[0][0] <= at - window:
            self._sums[call.bucket] -= spent.popleft()[1]
        spent.append((at, units))
        self._sums[call.bucket] += units
        headers = {"x-ms-resource-unit": f"{units:g}"} if call.bucket == "identity" else {}
        share = self._sums[call.bucket] / limit
        self.most[call.bucket] = max(self.most[call.bucket], share)
        if share > 0.8:
            headers["x-ms-throttle-limit-percentage"] = f"{min(share, 1.8):.2f}"
        if share <= 1:
            return headers
        wait = max(0.1, spent[0][0] + window - at)
        raise refusal(call, wait, headers, holder, tenant_id)


def refusal(call: Call, wait: float, headers: dict[str, str], holder: Caller, tenant_id: str) -> GraphFault:
    """The 429 of a call: the directory's delay is decimal, that of the subscription service whole seconds."""
    if call.bucket in _OF_SUBSCRIPTIONS:
        category = f"throttle.aad.ags.subscriptionservice.dc.{_OF_SUBSCRIPTIONS[call.bucket]}"
        text = f"Too many requests from Identifier:{holder.app_id}_{tenant_id} under category:{category}"
        delay = {"Retry-After": str(math.ceil(wait))}
        return GraphFault(429, "TooManyRequests", text, headers | delay)
    kind = "Read" if call.method == "GET" else "Write"
    told = {
        "Retry-After": f"{wait:.3f}",
        "x-ms-throttle-scope": f"Tenant_Application/{kind}/{holder.app_id}/{tenant_id}",
        "x-ms-throttle-information": "ResourceUnitLimitExceeded",
    }
    return GraphFault(429, "TooManyRequests", "Too many requests.", headers | told)


def cost(call: Call, query: dict[str, str]) -> float:
    """Units of a call: `$select` -1, `$expand` +1, `$top` below 20 -1, never below 1 (graph.md §9)."""
    units = call.units
    units -= "$select" in query
    units += "$expand" in query
    top = query.get("$top", "")
    units -= top.isdigit() and int(top) < 20
    return float(max(1, units))
