"""What the ledger must say: the tenant as Graph would show it now, judged by the second judge.

Nothing here asks the product. Users and SKUs are the simulator's own answers to a caller who may read
everything; what ages between readings (the report, the members of groups) is what the simulator would have
answered when the watch last read it whole (`Readings`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from sandbox.graph.simulator import Incoming, Simulator
from sandbox.graph.wire import Caller
from tests.oracle.policies import ENDS_SOON
from tests.second_judge.second_holdings import read_holding
from tests.second_judge.second_judge import judge

Row = dict[str, Any]

EDITIONS = ("2017-10-24", "2025-03-04")
SELECT = (
    "id,userPrincipalName,displayName,accountEnabled,userType,creationType,externalUserState,identities,"
    "usageLocation,onPremisesSyncEnabled,createdDateTime,assignedLicenses,licenseAssignmentStates"
)
BROKEN = ("uncovered", "writeback-uncovered", "undetermined")
PREMIUM = ("p1", "p1-off")

_BASE = "http://simulator/v1.0"
_EVERYTHING = Caller(
    "the oracle",
    frozenset({"User.Read.All", "Group.Read.All", "Organization.Read.All", "Policy.Read.All"}),
)


@dataclass(slots=True)
class Readings:
    """What the watch's last complete readings found: the report's rows, the members of groups, since when.

    `used`: users who reset or unlocked; None where nothing says so.
    """

    report: Mapping[str, Row] | None = None
    report_at: datetime | None = None
    scope: frozenset[str] | None = None
    emergency: frozenset[str] = frozenset()
    used: frozenset[str] | None = None


@dataclass(slots=True)
class Truth:
    """Users by id with their answers by edition, and the tenant that they were judged in."""

    users: dict[str, Row]
    answers: dict[str, dict[str, Row]]
    tenant: Row
    policy: Row
    at: datetime

    def states(self) -> set[str]:
        """The states that occur under the governing edition."""
        return {given[self.policy["edition"]]["state"] for given in self.answers.values()}

    def of(self, user_id: str) -> Row:
        """The governing edition's answer."""
        return self.answers[user_id][self.policy["edition"]]


async def ask(simulator: Simulator, path: str, query: str = "") -> Any:
    """The simulator's answer to a GET, past the faults that wait; of a listing the rows of all pages."""
    incoming = Incoming("GET", path, dict(parse_qsl(query)), {}, None, _BASE)
    answer = await simulator.answer(incoming, _EVERYTHING)
    assert answer.status == 200, answer
    if "value" in answer.body:
        # Rows of a large tenant are filled into stencils of JSON.
        rows = answer.body["value"]
        answer.body["value"] = [
            msgspec.json.decode(row) if isinstance(row, msgspec.Raw) else row for row in rows
        ]
    link = answer.body.get("@odata.nextLink")
    if link is not None:
        onward = urlsplit(link.removeprefix(_BASE))
        answer.body["value"] += await ask(simulator, onward.path, onward.query)
    return answer.body.get("value", answer.body)


async def tenant_of(simulator: Simulator, readings: Readings) -> Row:
    """The tenant as the second judge takes it."""
    organization = (await ask(simulator, "/organization"))[0]
    policy = await ask(simulator, "/policies/authorizationPolicy")
    return {
        "skus": await ask(simulator, "/subscribedSkus"),
        "subscriptions": await ask(simulator, "/directory/subscriptions"),
        "domains": tuple(domain["name"].lower() for domain in organization["verifiedDomains"]),
        "admins_may_reset": policy["allowedToUseSSPR"],
        "registration_read_at": readings.report_at,
    }


async def read(
    simulator: Simulator,
    policy: Row,
    readings: Readings,
    enabled_since: Mapping[str, datetime | None],
    at: datetime,
) -> Truth:
    """Every user who exists, judged at that time. `enabled_since`: see `Standing`; the watch alone knows."""
    tenant = await tenant_of(simulator, readings)
    users = {user["id"]: user for user in await ask(simulator, "/users", f"$select={SELECT}&$top=999")}
    report = readings.report or {}
    answers: dict[str, dict[str, Row]] = {}
    for user_id, user in users.items():
        known = {
            "registration": report.get(user_id),
            "in_scope_group": None if readings.scope is None else user_id in readings.scope,
            "emergency": bool(policy["emergency"]) and user_id in readings.emergency,
            "used": None if readings.used is None else user_id in readings.used,
            "enabled_since": enabled_since.get(user_id),
        }
        answers[user_id] = {
            edition: judge(user, tenant, policy, known, at, edition) | {"known": known}
            for edition in EDITIONS
        }
    return Truth(users, answers, tenant, policy, at)


# --- the tenant's own findings -----------------------------------------------------------------------------


def tenant_findings(truth: Truth) -> set[tuple[str, str]]:
    """(kind, about) of those findings of the tenant that follow from SKUs and users alone (`CHECKED`)."""
    policy, skus = truth.policy, [row for row in truth.tenant["skus"] if row["consumedUnits"] > 0]
    found = set()
    if not any(_gives(row, truth)["reset"] != "no" for row in skus):
        found.add(("no-licence", ""))
    synced = any(
        truth.users[user_id]["onPremisesSyncEnabled"] is True and truth.of(user_id)["state"] != "not-in-reach"
        for user_id in truth.users
    )
    premium = [
        one for row in skus if (one := _gives(row, truth))["level"] in PREMIUM and one["reset"] == "yes"
    ]
    if policy["writeback"] != "off" and synced and not premium:
        found.add(("no-writeback-licence", ""))
    found |= {("subscription-lapsing", row["skuId"]) for row in skus if _lapses(row, truth)}
    return found


CHECKED = ("no-licence", "no-writeback-licence", "subscription-lapsing")


def _gives(row: Row, truth: Truth, tenant: Row | None = None) -> Row:
    """What an active assignment of the SKU would give an ordinary user."""
    user: Row = {
        "assignedLicenses": [{"skuId": row["skuId"], "disabledPlans": []}],
        "licenseAssignmentStates": [],
    }
    return read_holding(row["skuId"], user, tenant or truth.tenant, truth.policy, truth.policy["edition"])


def _lapses(row: Row, truth: Truth) -> bool:
    """Seats are lost, or soon will be, that somebody holds, of a SKU that bought and in order could cover."""
    units, rows = row["prepaidUnits"], _subscriptions(row, truth)
    in_order = row | {
        "capabilityStatus": "Enabled",
        "prepaidUnits": units | {"enabled": max(row["consumedUnits"], 1), "warning": 0},
    }
    healthy = [
        one | {"status": "Enabled", "isTrial": False, "totalLicenses": row["consumedUnits"]} for one in rows
    ]
    tenant = truth.tenant | {"skus": [in_order], "subscriptions": healthy}
    if _gives(row, truth, tenant)["reset"] == "no":
        return False
    ending = [one for one in rows if _ending(one, truth.at)]
    stays = sum(one["totalLicenses"] for one in rows if one["status"] == "Enabled" and one not in ending)
    if not rows:
        stays = units["enabled"] if row["capabilityStatus"] == "Enabled" else 0
    troubled = (
        bool(ending)
        or row["capabilityStatus"] != "Enabled"
        or any(units[name] for name in ("warning", "suspended", "lockedOut"))
    )
    return troubled and stays < row["consumedUnits"]


def _ending(one: Row, at: datetime) -> bool:
    """Not Enabled any more, or a trial that ends soon; the date of a paid one is its renewal."""
    if one["status"] != "Enabled":
        return True
    ends = one["nextLifecycleDateTime"]
    return bool(one["isTrial"] and ends and datetime.fromisoformat(ends) <= at + ENDS_SOON)


def _subscriptions(row: Row, truth: Truth) -> list[Row]:
    return [one for one in truth.tenant["subscriptions"] if one["skuId"] == row["skuId"]]
