"""Failed licence assignments: their codes, and what Microsoft's page on group licence problems says to do.

Licences of a group are assigned all or none: a SKU may fail because another of the group has no seat left.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from shared import holdings
from shared.findings.making import Circumstances
from shared.model import LicenseAssignmentState, TenantFacts, User

CODES = (
    "CountViolation",
    "MutuallyExclusiveViolation",
    "DependencyViolation",
    "ProhibitedInUsageLocationViolation",
    "UniquenessViolation",
    "Other",
)
"""The documented codes, those with the plainest action first."""

NO_CODE = "no-code"

ANOTHER_PRODUCT = "another-product"
"""The cause where a code says nothing by itself, and another product of the same group says what is wrong:
Microsoft's page calls `Other` in most cases the error of another licence that the same group assigns."""

_VAGUE = ("Other", NO_CODE)

Failure = tuple[str, str, str]
"""A SKU, its code, and the group that assigns it, empty if none does."""


def error_code(error: str | None) -> str:
    """The code as it is, `no-code` if none was given."""
    return holdings.error_code(error) or NO_CODE


def leading(codes: Iterable[str]) -> str:
    """The code that names the cause where several are given: documented ones first, then by name."""
    known = {code: place for place, code in enumerate(CODES)}
    last = len(CODES)
    return min(codes, key=lambda code: (known.get(code, last + (code == NO_CODE)), code))


def failed_states(user: User) -> Mapping[str, tuple[LicenseAssignmentState, ...]]:
    """The SKUs that no source assigns, with the sources that fail; one working source is enough."""
    by_sku: dict[str, list[LicenseAssignmentState]] = {}
    for state in user.license_assignment_states:
        by_sku.setdefault(state.sku_id, []).append(state)
    return {
        sku_id: tuple(states)
        for sku_id, states in sorted(by_sku.items())
        if not any(one.state.casefold() in holdings.COUNTING for one in states)
    }


def short_of_seats(sku_ids: Iterable[str], facts: TenantFacts) -> tuple[str, ...]:
    """Those that have no free seat."""
    return tuple(
        sku_id for sku_id in sorted(set(sku_ids)) if sku_id in facts.skus and facts.skus[sku_id].free == 0
    )


def cause(sku_id: str, codes: Iterable[str], failures: Iterable[Failure]) -> str:
    """Why this SKU fails: its leading code, or `another-product` where that one says more."""
    code = leading(codes)
    elsewhere = any(sku != sku_id and group and other not in _VAGUE for sku, other, group in failures)
    return ANOTHER_PRODUCT if code in _VAGUE and elsewhere else code


def circumstances(failures: Iterable[Failure], short: Mapping[str, int]) -> Circumstances:
    """What to do about these failures. `short`: seats missing of SKUs that have none free.

    A code that says nothing is no step of its own where another product of the same group says what is wrong.
    """
    so: dict[str, list[dict[str, Any]]] = {}
    failures = tuple(failures)
    plain_groups = {group for _, code, group in failures if group and code not in _VAGUE}
    for sku, code, group in failures:
        if code in _VAGUE and group in plain_groups:
            continue
        values = {"sku": sku, "group": group, "code": "" if code == NO_CODE else code}
        if code == "CountViolation":
            so["CountViolation"] = [{"sku": one, "seats": seats} for one, seats in sorted(short.items())]
        elif code == NO_CODE:
            so.setdefault("Other", []).append(values)
        else:
            so.setdefault(code if code in CODES else "unknown-code", []).append(values)
        so.setdefault("by-group" if group else "direct", []).append(values)
    return so
