"""A tenant from a seed: any size, the same each time, mixed as real ones are.

The mix is the table `SEGMENTS`: mostly well licensed people, some who are out of reach, and three or four in
a hundred with something wrong.
"""

import itertools
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sandbox.graph import names, skus
from sandbox.graph.crowd import Crowd, Make
from sandbox.graph.rates import Rates
from sandbox.graph.records import Commerce, Direct, Group, Inherited, Organization, Sku, User
from sandbox.graph.world import World

DOMAIN = "harbourline.example"
INITIAL_DOMAIN = "harbourline.onmicrosoft.com"
HOME = "supplier.example"
DEFAULT_SEED = 2017


@dataclass(frozen=True, slots=True)
class Segment:
    """A kind of account. `share` of all users; `synced` is the share among them that comes from a directory.

    `direct` are SKUs assigned directly; `group` is the SKU of the licensing group they are members of. `off`
    are plans switched off in the direct ones. `kind`: person, admin, guest, pending-guest, pending-member,
    disabled, room or phone.
    """

    name: str
    share: float
    synced: float = 0.0
    direct: tuple[str, ...] = ()
    group: str = ""
    off: tuple[str, ...] = ()
    kind: str = "person"


SEGMENTS = (
    Segment("m365-e3", 0.55, 0.9, group=skus.M365_E3),
    Segment("m365-e5", 0.10, 0.8, group=skus.M365_E5),
    Segment("m365-f3", 0.09, 0.5, group=skus.M365_F3),
    Segment("o365-and-ems", 0.10, 0.8, direct=(skus.O365_E3, skus.EMS_E3)),
    Segment("business-premium", 0.03, direct=(skus.BUSINESS_PREMIUM,)),
    Segment("cloud-ems", 0.01, direct=(skus.EMS_E3,)),
    Segment("cloud-o365", 0.01, direct=(skus.O365_E3,)),
    Segment("admin", 0.005, direct=(skus.ENTRA_P2,), kind="admin"),
    Segment("guest", 0.023, kind="guest"),
    Segment("pending-guest", 0.001, kind="pending-guest"),
    Segment("pending-member", 0.001, kind="pending-member"),
    Segment("left", 0.025, 0.9, direct=(skus.O365_E3,), kind="disabled"),
    Segment("room", 0.015, direct=(skus.TEAMS_ROOMS_PRO,), kind="room"),
    Segment("phone", 0.003, direct=(skus.PHONE_RESOURCE,), kind="phone"),
    # From here on something is wrong.
    Segment("synced-without-p1", 0.013, 1.0, direct=(skus.O365_E3,)),
    Segment("plan-off", 0.003, 1.0, direct=(skus.EMS_E3,), off=(skus.PLAN_IDS["AAD_PREMIUM"],)),
    Segment("free-only", 0.007, direct=(skus.AUTOMATE_FREE,)),
    Segment("trial-only", 0.003, direct=(skus.TEAMS_EXPLORATORY,)),
    Segment("nothing", 0.006),
    Segment("pilot-only", 0.003, direct=(skus.PILOT_SUITE,)),
)
"""The mix; what the shares leave over goes to the first."""

_GROUP_NAMES = {
    skus.M365_E3: "Licences Microsoft 365 E3",
    skus.M365_E5: "Licences Microsoft 365 E5",
    skus.M365_F3: "Licences Microsoft 365 F3",
}
_DEPARTMENTS = ("Finance", "Logistics", "People", "Sales", "Technology")
_FREE_UNITS = {skus.AUTOMATE_FREE: 10_000, skus.FABRIC_FREE: 1_000_000, skus.TEAMS_EXPLORATORY: 1_000_000}
_TRIALS = frozenset({skus.TEAMS_EXPLORATORY, skus.KINDS["PROJECTPROFESSIONAL"].sku_id})
_EXTRAS = ((skus.FABRIC_FREE, 0.12), (skus.AUTOMATE_FREE, 0.06), (skus.VISIO, 0.02))
_METHODS = (("mobilePhone", "microsoftAuthenticatorPush"), ("mobilePhone",), ("email", "mobilePhone"), ())
_METHOD_WEIGHTS = (60, 20, 8, 12)
_PLACES = (("NL", 85), ("BE", 8), ("DE", 4), ("GB", 3))
_NOWHERE = 0.02


CROWD_FROM = 20_001
"""From so many users on a tenant is `NAMED` users, the cast among them, and a crowd (`crowd.Crowd`)."""
NAMED = 1000


def generate(
    users: int = 1000,
    seed: int = DEFAULT_SEED,
    *,
    scope_share: float | None = None,
    rates: Rates | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> World:
    """A tenant of so many users (at least 40, so that every kind occurs).

    `world.cast` names: `synced_with_ems` (synced, Office 365 E3 and EMS E3 directly), `cloud_with_ems`
    (cloud-only, EMS E3 alone), `admin`, `guest`, `pending_guest` and `pending_member` (invitations not
    accepted), `room`, `left`, `sync_account`, `emergency`, the groups `group_m365_e3`, `group_sspr` (nested:
    holds the departments) and `group_emergency`.

    `scope_share`: SSPR serves `group_sspr`, and only this share of all users (or everybody who works here, if
    they are fewer) is in the departments nested in it. Without, everybody who works here is in one, and SSPR
    serves all.
    """
    if users < 40:
        raise ValueError("a generated tenant has at least 40 users")
    if scope_share is not None and not 0 <= scope_share <= 1:
        raise ValueError("a share is between 0 and 1")
    named = NAMED if users >= CROWD_FROM else users
    builder = _Builder(named, seed, rates, clock)
    world = builder.build(users - named, scope_share)
    if scope_share is not None:
        world.set_scope(world.cast["group_sspr"])
        world.report.refresh()
    return world


class _Builder:
    """Builds one tenant; the order of its draws is fixed, so the seed decides everything but the times."""

    def __init__(self, size: int, seed: int, rates: Rates | None, clock: Callable[[], datetime]) -> None:
        self._rng = random.Random(seed)
        self._size = size
        self._now = clock()
        self._upns: Counter[str] = Counter()
        self._cast: dict[str, str] = {}
        founded = self._now - timedelta(days=3000)
        organization = Organization(
            self._id(), "Harbourline", "NL", True, self._now, (DOMAIN, INITIAL_DOMAIN), founded
        )
        self._world = World(organization, seed=seed, rates=rates, clock=clock)
        self._groups = {
            sku_id: Group(self._id(), name, founded, licences={sku_id: frozenset()}, processed=True)
            for sku_id, name in _GROUP_NAMES.items()
        }
        self._departments = [Group(self._id(), name, founded) for name in _DEPARTMENTS]

    def build(self, crowd_size: int, scope_share: float | None) -> World:
        """The world, loaded and with its first report; beside its named users a crowd of that size."""
        people = [self._account(segment, first) for segment, first in self._segments()]
        people += [self._sync_account(), self._emergency()]
        self._extras(people)
        emergency = Group(self._id(), "Emergency access", self._now, members={self._cast["emergency"]})
        everyone = Group(
            self._id(), "SSPR users", self._now, nested={department.id for department in self._departments}
        )
        groups = [*self._groups.values(), *self._departments, everyone, emergency]
        self._cast["group_m365_e3"] = self._groups[skus.M365_E3].id
        self._cast["group_sspr"] = everyone.id
        self._cast["group_emergency"] = emergency.id
        self._world.cast = dict(self._cast)
        if scope_share is not None:
            self._narrow(round(scope_share * self._size))
        crowd = self._crowd(crowd_size, scope_share) if crowd_size else None
        self._world.load(people, groups, self._skus(people, crowd), crowd)
        return self._world

    def _narrow(self, wanted: int) -> None:
        """Leave so many members in the departments together, some in each."""
        for number, department in enumerate(self._departments):
            left = len(self._departments) - number
            for user_id in sorted(department.members)[-(-wanted // left) :]:
                department.members.discard(user_id)
            wanted -= len(department.members)

    def _crowd(self, size: int, scope_share: float | None) -> Crowd:
        """The rest of a large tenant, in the same mix."""
        makes: defaultdict[Make, float] = defaultdict(float)
        left = 1 - sum(segment.share for segment in SEGMENTS)
        for segment in SEGMENTS:
            share = segment.share + (left if segment is SEGMENTS[0] else 0)
            for make, weight in self._makes(segment):
                makes[make] += share * weight
        return Crowd(
            size,
            self._world.seed,
            makes,
            departments=[department.id for department in self._departments],
            share=scope_share,
            now=self._now,
            domains=(DOMAIN, INITIAL_DOMAIN),
            home=HOME,
        )

    def _makes(self, segment: Segment) -> Iterator[tuple[Make, float]]:
        """Every make that a segment has, as `_account` and `_extras` draw them, with its share of it."""
        group = self._groups[segment.group].id if segment.group else ""
        make = Make(
            kind=segment.kind,
            direct=segment.direct,
            off=segment.off,
            group=group,
            group_sku=segment.group,
            location="NL",
        )
        if segment.kind in ("room", "phone"):
            yield make, 1.0
        elif make.is_external:
            types = {"Guest": 0.9, "Member": 0.1}
            if segment.kind != "guest":
                types = {segment.kind.removeprefix("pending-").capitalize(): 1.0}
            for user_type, share in types.items():
                yield replace(make, user_type=user_type, location=None), share
        else:
            nowhere = _NOWHERE if segment.group else 0.0
            places = [*((place, weight * (1 - nowhere) / 100) for place, weight in _PLACES), (None, nowhere)]
            for (place, a), (synced, b), (methods, c) in itertools.product(
                places,
                ((True, segment.synced), (None, 1 - segment.synced)),
                zip(_METHODS, _METHOD_WEIGHTS, strict=True),
            ):
                for extras, d in _sets(_EXTRAS if segment.group and place else ()):
                    yield (
                        replace(make, location=place, synced=synced, methods=methods, extras=extras),
                        a * b * c / 100 * d,
                    )

    def _segments(self) -> Iterator[tuple[Segment, bool]]:
        """A segment for each account but the two special ones, and whether it is the first of its kind."""
        ordinary = self._size - 2
        counts = [max(1, round(segment.share * ordinary)) for segment in SEGMENTS]
        counts[0] += ordinary - sum(counts)
        for segment, count in zip(SEGMENTS, counts, strict=True):
            for index in range(count):
                yield segment, index == 0

    def _account(self, segment: Segment, first: bool) -> User:
        rng = self._rng
        created = self._now - timedelta(days=rng.randint(60, 2500), seconds=rng.randrange(86_400))
        if segment.kind in ("room", "phone"):
            user = self._resource(segment, created)
        elif segment.kind == "guest":
            user = self._guest(created)
        elif segment.kind.startswith("pending-"):
            user = self._pending(created, segment.kind.removeprefix("pending-").capitalize())
        else:
            user = self._person(created)
            user.synced = True if first and segment.synced else (rng.random() < segment.synced or None)
            rng.choice(self._departments).members.add(user.id)
        user.account_enabled = segment.kind != "disabled"
        user.is_admin = segment.kind == "admin"
        assigned = created + timedelta(hours=1)
        user.direct = {sku_id: Direct(frozenset(segment.off), assigned) for sku_id in segment.direct}
        if segment.group:
            group = self._groups[segment.group]
            group.members.add(user.id)
            user.inherited[(group.id, segment.group)] = Inherited("Active", "", frozenset(), assigned)
            if rng.random() < _NOWHERE:
                # By group the directory's location serves, so some have none of their own.
                user.usage_location = None
        if first:
            self._remember(segment, user)
        return user

    def _remember(self, segment: Segment, user: User) -> None:
        parts = {"o365-and-ems": "synced_with_ems", "cloud-ems": "cloud_with_ems"}
        part = parts.get(segment.name, segment.name.replace("-", "_"))
        if part in (*parts.values(), "admin", "guest", "pending_guest", "pending_member", "room", "left"):
            self._cast[part] = user.id

    def _person(self, created: datetime) -> User:
        rng = self._rng
        given, surname = rng.choice(names.FIRST), rng.choice(names.LAST)
        methods = rng.choices(_METHODS, _METHOD_WEIGHTS)[0]
        return User(
            self._id(),
            self._upn(f"{given}.{surname}"),
            f"{given} {surname}",
            created,
            given_name=given,
            surname=surname,
            job_title=rng.choice(names.JOBS),
            usage_location=rng.choices([place for place, _ in _PLACES], [weight for _, weight in _PLACES])[0],
            methods=methods,
        )

    def _guest(self, created: datetime) -> User:
        user = self._person(created)
        local = user.upn.partition("@")[0]
        user.upn = f"{local}_{HOME}#EXT#@{INITIAL_DOMAIN}"
        # userType alone never decides: one in ten external accounts is a member.
        user.user_type = "Member" if self._rng.random() < 0.1 else "Guest"
        user.creation_type, user.external_user_state = "Invitation", "Accepted"
        user.identities = ({"signInType": "federated", "issuer": HOME, "issuerAssignedId": None},)
        user.usage_location, user.methods = None, ()
        return user

    def _pending(self, created: datetime, user_type: str) -> User:
        """Invited and not come yet: until the invitation is redeemed there is no identity of another home.

        learn: Properties of a Microsoft Entra B2B collaboration user.
        """
        user = self._guest(created)
        user.user_type, user.external_user_state = user_type, "PendingAcceptance"
        own = {"signInType": "userPrincipalName", "issuer": DOMAIN, "issuerAssignedId": user.upn}
        user.identities = (own,)
        return user

    def _resource(self, segment: Segment, created: datetime) -> User:
        label = self._rng.choice(names.ROOMS)
        title = f"Room {label}" if segment.kind == "room" else f"Call queue {label}"
        upn = self._upn(title.replace(" ", "-"))
        return User(self._id(), upn, title, created, usage_location="NL")

    def _sync_account(self) -> User:
        created = self._now - timedelta(days=2000)
        upn = f"Sync_SRV-AADC01_{self._rng.getrandbits(48):012x}@{INITIAL_DOMAIN}"
        user = User(self._id(), upn, "On-Premises Directory Synchronization Service Account", created)
        self._cast["sync_account"] = user.id
        return user

    def _emergency(self) -> User:
        created = self._now - timedelta(days=2000)
        user = User(
            self._id(), f"break-glass@{INITIAL_DOMAIN}", "Emergency access 1", created, usage_location="NL"
        )
        user.is_admin = True
        self._cast["emergency"] = user.id
        return user

    def _extras(self, people: list[User]) -> None:
        """Free and added SKUs on people who are licensed anyway; a pilot and a trial on a few of them."""
        covered = [user for user in people if user.inherited]
        at = self._now - timedelta(days=30)
        for user in covered:
            for sku_id, share in _EXTRAS:
                if user.usage_location and self._rng.random() < share:
                    user.direct[sku_id] = Direct(frozenset(), at)
        for user in covered[:3]:
            user.direct[skus.PILOT_SUITE] = Direct(frozenset(), at)
            user.direct[skus.KINDS["PROJECTPROFESSIONAL"].sku_id] = Direct(frozenset(), at)

    def _skus(self, people: list[User], crowd: Crowd | None) -> list[Sku]:
        """The SKUs with seats for everybody who holds one, and some free."""
        taken: Counter[str] = Counter()
        for user in people:
            taken.update(self._world.assigned(user).keys())
        if crowd is not None:
            taken.update({sku_id: crowd.holding(sku_id).count(1) for sku_id in crowd.sku_ids})
        rows = []
        for kind in skus.KINDS.values():
            if kind.sku_id in taken:
                count = taken[kind.sku_id]
                seats = _FREE_UNITS.get(kind.sku_id, count + max(5, count // 25))
                seats = 25 if kind.sku_id in _TRIALS and seats < 25 else seats
                sku = Sku(kind.sku_id, kind.part_number, kind.plans, enabled=seats)
                sku.subscriptions = self._subscriptions(sku)
                rows.append(sku)
        return rows

    def _subscriptions(self, sku: Sku) -> list[Commerce]:
        bought = self._now - timedelta(days=400)
        trial = sku.sku_id in _TRIALS
        ends = self._now + timedelta(days=75 if trial else self._rng.randint(60, 330))
        first = sku.enabled * 4 // 5 if sku.sku_id == skus.M365_E3 else sku.enabled
        parts = [part for part in (first, sku.enabled - first) if part]
        return [Commerce(self._id(), "Enabled", trial, part, bought, ends) for part in parts]

    def _upn(self, local: str) -> str:
        plain = local.lower()
        self._upns[plain] += 1
        number = self._upns[plain]
        return f"{plain}{number if number > 1 else ''}@{DOMAIN}"

    def _id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _sets(chances: Sequence[tuple[str, float]]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every choice out of these, each taken with its own chance, and how likely the choice is."""
    for taken in itertools.product((True, False), repeat=len(chances)):
        weight = 1.0
        for has, (_, chance) in zip(taken, chances, strict=True):
            weight *= chance if has else 1 - chance
        yield tuple(one for has, (one, _) in zip(taken, chances, strict=True) if has), weight
