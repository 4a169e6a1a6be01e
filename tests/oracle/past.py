"""What the simulated tenant was like at earlier moments: for evidence that the watch read then.

The registration report and the members of groups are read from time to time; a reading that failed leaves
the last complete one in force. When that was, only the watch can say: what it says is doubted (`doubts`) and
then taken for what the tenant was at that moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.graph.world import World
from shared.ledger.records import UserRecord
from shared.model import Evidence
from tests.oracle.truth import Readings, Row

PIECES = ("registration", "scope-groups", "emergency-group", "audit")

_NEVER = Evidence()


@dataclass(frozen=True, slots=True)
class Moment:
    """The tenant from `at` on. `reportable`: the report may be read, and the tenant has what it takes.

    `used`: whoever has used self-service password reset.
    """

    at: datetime
    report: Mapping[str, Row]
    scope: frozenset[str]
    emergency: frozenset[str]
    reportable: bool
    groups_readable: bool
    audits_readable: bool
    used: frozenset[str]


class Past:
    """Every moment at which something changed. `used`: whoever has reset or unlocked by now; it grows.

    `reconciled_from`: when the reconcile began.
    """

    def __init__(self, world: World, groups: Mapping[str, str], used: set[str]) -> None:
        self._world = world
        self._groups = groups
        self._used = used
        self._moments: list[Moment] = []
        self._here: dict[str, list[tuple[datetime, bool]]] = {}
        self.reconciled_from: datetime | None = None
        self.note(datetime.min.replace(tzinfo=world.now().tzinfo))

    def note(self, at: datetime) -> None:
        """Remember how the tenant stands."""
        world = self._world
        scope, emergency = (
            frozenset(world.transitive_members(self._groups[name])[0]) for name in ("scope", "emergency")
        )
        reportable = world.premium() and "AuditLog.Read.All" in world.roles
        moment = Moment(
            at=at,
            report=world.report.rows,
            scope=scope,
            emergency=emergency,
            reportable=reportable,
            groups_readable="Group.Read.All" in world.roles,
            audits_readable="AuditLog.Read.All" in world.roles and not world.rates.audits_need_directory_role,
            used=frozenset(self._used),
        )
        self._moments.append(moment)
        for user_id, user in world.users.items():
            here = user.account_enabled and user.deleted_at is None
            known = self._here.setdefault(user_id, [])
            if not known or known[-1][1] != here:
                known.append((at, here))

    def at(self, moment: datetime) -> Moment:
        """The tenant as it was then."""
        return next(one for one in reversed(self._moments) if one.at <= moment)

    def readings(self, evidence: Mapping[str, Evidence]) -> Readings:
        """What the watch's last complete readings must have found."""
        read = {name: evidence.get(name, _NEVER).read_at for name in PIECES}
        found = Readings()
        if (at := read["registration"]) is not None:
            found.report_at, found.report = at, self.at(at).report
        if (at := read["scope-groups"]) is not None:
            found.scope = self.at(at).scope
        if (at := read["emergency-group"]) is not None:
            found.emergency = self.at(at).emergency
        if (at := read["audit"]) is not None:
            found.used = self.at(at).used
        return found

    def doubts(self, evidence: Mapping[str, Evidence], policy: Row) -> list[str]:
        """What the watch claims to have read, or has not read, against what it could."""
        assert self.reconciled_from is not None
        now = self._moments[-1]
        wanted = {"registration": now.reportable}
        if policy["scope"] == "groups":
            wanted["scope-groups"] = now.groups_readable
        if policy["emergency"]:
            wanted["emergency-group"] = now.groups_readable
        if policy["population"] == "used":
            wanted["audit"] = now.audits_readable
        doubts = []
        for name, possible in wanted.items():
            read_at = evidence.get(name, _NEVER).read_at
            fresh = read_at is not None and read_at >= self.reconciled_from
            if fresh != possible:
                doubts.append(f"{name}: read at {read_at}, though the reconcile began {self.reconciled_from}")
        read_at = evidence.get("registration", _NEVER).read_at
        if read_at is not None and not self.at(read_at).reportable:
            doubts.append(f"registration: read at {read_at}, when nobody could read it")
        return doubts

    def doubts_of_memory(self, record: UserRecord) -> list[str]:
        """`enabled_since` lies in a time when the user was enabled and had not always been."""
        since = record.enabled_since
        known = self._here.get(record.id, [])
        if since is None:
            return []
        before = [here for at, here in known if at <= since]
        if before and before[-1] and False in before:
            return []
        return [f"user {record.id} is taken for enabled since {since}, but was so: {known}"]

    def enablings(self) -> list[datetime]:
        """When anybody came, or came back."""
        return [at for known in self._here.values() for at, here in known[1:] if here]

    def endings(self, soon: timedelta) -> list[datetime]:
        """When a subscription's end comes near enough to be told, and when it ends."""
        ends = [
            one.next_lifecycle_at
            for sku in self._world.skus.values()
            for one in sku.subscriptions
            if one.next_lifecycle_at
        ]
        return ends + [at - soon for at in ends]
