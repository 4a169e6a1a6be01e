"""A tenant from a seed, rich in edge cases: the sandbox's usual mix, and whatever else a rule looks at."""

import random
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from sandbox.graph import skus
from sandbox.graph.rates import Rates
from sandbox.graph.records import Commerce, Plan, Sku
from sandbox.graph.subscriptions import Subscription
from sandbox.graph.tenant import DOMAIN, INITIAL_DOMAIN, generate
from sandbox.graph.world import Refused, World
from tests.second_judge.catalogue import CATALOGUE, PLAN_IDS, UNLISTED

P1, CLOUD, UNKNOWN, ROOM = skus.EMS_E3, skus.O365_E3, skus.PILOT_SUITE, skus.TEAMS_ROOMS_PRO
"""SKUs of the cast, whose verdicts are sure: P1, Office 365 alone, in no table, for rooms."""

RESET, UNLOCK = "Reset password (self-service)", "Unlock user account (self-service)"
"""Activities that are a use of self-service password reset."""

ENTRA_P1 = PLAN_IDS["1"]
CAST = 3
"""Of each kind of the cast."""

# (status, trial, share of the seats) of each subscription behind a SKU.
COMMERCE: tuple[tuple[tuple[str, bool, float], ...], ...] = (
    (("Enabled", False, 1.0),),
    (("Enabled", False, 1.0),),
    (("Enabled", False, 0.6), ("Enabled", False, 0.4)),
    (("Enabled", True, 1.0),),
    (("Enabled", False, 0.3), ("Enabled", True, 0.7)),
    (("Warning", False, 0.5), ("Enabled", False, 0.5)),
    (("Warning", False, 1.0),),
    (("Suspended", False, 1.0),),
    (),
)


class Tenant:
    """The simulated world of one history. `groups`: ids of the groups `scope` and `emergency`; `licensing`:
    ids of those that assign licences. `bought`: SKUs beside those of the cast. `used`: whoever has reset or
    unlocked."""

    live: Callable[[], tuple[Subscription, ...]] = staticmethod(lambda: ())
    """The application's subscriptions; known once Graph is there."""

    def __init__(self, seed: int, rates: Rates, clock: Callable[[], datetime]) -> None:
        self.rng = random.Random(f"tenant {seed}")
        self.world: World = generate(self.rng.randint(40, 54), seed, rates=rates, clock=clock)
        self._now = clock
        world = self.world
        self.newest_of_the_mix = max(user.created_at for user in world.users.values())
        self.groups = {"scope": world.cast["group_sspr"], "emergency": world.cast["group_emergency"]}
        self.bought = self._buy()
        self.cast = self._cast()
        self._extras()
        self.licensing = [group.id for group in world.groups.values() if group.licences]
        self.licensing += self._licensing_groups()
        self._finish_licensing()
        users = sum(self.cast.values(), self.rng.sample(sorted(world.users), 25))
        self.used = set(users)
        for user_id in users:
            world.self_service(user_id, RESET, "success", clock() - timedelta(days=3))
        if self.rng.random() < 0.4:
            world.set_scope(self.groups["scope"])
        world.report.refresh()

    def _finish_licensing(self) -> None:
        """Let the jobs of the beginning be long over."""
        licensing = self.world.licensing
        while (due := licensing.next_due) is not None:
            licensing.run(due)

    def add_sku(self, sku_id: str) -> None:
        """Buy a SKU by its row in the second judge's catalogue; subscriptions at random."""
        letters = CATALOGUE[sku_id]["plans"] if sku_id in CATALOGUE else UNLISTED[sku_id]
        part = CATALOGUE[sku_id]["part"] if sku_id in CATALOGUE else "UNLISTED"
        plans = tuple(Plan(PLAN_IDS[letter], f"PLAN_{letter}") for letter in sorted(letters))
        sku = Sku(sku_id, part, plans, enabled=self.rng.choice((0, 4, 12, 25)))
        kinds = self.rng.choice(COMMERCE)
        rows: list[Commerce] = []
        for status, trial, share in kinds:
            seats = max(1, int(20 * share))
            bucket = {"Enabled": "enabled", "Warning": "warning", "Suspended": "suspended"}[status]
            if not rows:
                sku.enabled = sku.warning = sku.suspended = 0
            setattr(sku, bucket, getattr(sku, bucket) + seats)
            ends = self._now() + timedelta(days=self.rng.choice((9, 20, 45, 200)))
            rows.append(Commerce(self.id(), status, trial, seats, self._now(), ends))
        sku.subscriptions = rows
        self.world.add_sku(sku)

    def id(self) -> str:
        """A new id."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def add_user(self, name: str, *, age: timedelta = timedelta(days=400), **fields: object) -> str:
        """An account that was created so long ago."""
        user = self.world.add_user(name, **fields)
        user.created_at = self._now() - age
        return user.id

    def give(self, user_id: str, *sku_ids: str, off: tuple[str, ...] = ()) -> None:
        """Assign directly, as far as the service lets one."""
        for sku_id in sku_ids:
            try:
                self.world.set_licences(user_id, {sku_id: off})
            except Refused:
                continue

    def _buy(self) -> list[str]:
        """Seats for the cast and for changes to come, and a dozen other SKUs."""
        for sku_id in (P1, CLOUD, UNKNOWN, ROOM, skus.M365_E3):
            sku = self.world.sku(sku_id)
            self.world.set_sku_units(sku_id, enabled=sku.enabled + 60)
        others = sorted(set(CATALOGUE) - set(self.world.skus))
        chosen = self.rng.sample(others, 9) + self.rng.sample(sorted(UNLISTED), 2)
        for sku_id in chosen:
            self.add_sku(sku_id)
        return chosen

    def _cast(self) -> dict[str, list[str]]:
        """People whose verdict nobody doubts while the settings let it come out, by what they are for.

        Enabled, registered, long there, in the scope group: whatever the scope or the population is.
        """
        cast: dict[str, list[str]] = {}
        for name, synced, held in (
            ("licensed", True, (P1, CLOUD)),
            ("bare", None, ()),
            ("cloud-level", True, (CLOUD,)),
            ("unknown-sku", None, (UNKNOWN,)),
            ("off", None, (P1,)),
            ("failing", True, ()),
        ):
            cast[name] = [
                self.add_user(
                    f"{name} {number}",
                    synced=synced,
                    usage_location="NL",
                    methods=("mobilePhone", "email"),
                    account_enabled=name != "off",
                )
                for number in range(CAST)
            ]
            for user_id in cast[name]:
                self.give(user_id, *held)
            self.world.add_to_group(self.groups["scope"], cast[name])
        return cast

    def _extras(self) -> None:
        """Accounts at the edges of the rules about who is in reach and what counts."""
        add, rng = self.add_user, self.rng
        own = {"signInType": "userPrincipalName", "issuer": DOMAIN, "issuerAssignedId": "x"}
        foreign = {"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": None}
        add("Internal guest", user_type="Guest", usage_location="NL")
        add("External member", creation_type="Invitation", identities=(own, foreign), usage_location="NL")
        add("Converted guest", creation_type="Invitation", identities=(own,), usage_location="NL")
        add("Pending", creation_type="Invitation", external_user_state="PendingAcceptance")
        add("Cloud sync", upn=f"ADToAADSyncServiceAccount@{INITIAL_DOMAIN}")
        add("Sync manager", upn=f"sync_manager@{DOMAIN}", usage_location="NL")
        admins = [add(f"Admin {number}", is_admin=True, usage_location="NL") for number in range(2)]
        self.give(admins[0], skus.ENTRA_P2)
        add("Synced admin", is_admin=True, synced=True, usage_location="NL", methods=("email",))
        self.give(add("Shared device", usage_location="NL"), ROOM)
        self.give(add("Meeting room", usage_location="NL", methods=("email",)), ROOM)
        self.give(add("P1 off", synced=True, usage_location="NL"), P1, off=(ENTRA_P1,))
        for age in (1, 20, 46, 60):
            add(f"Newcomer {age}", age=timedelta(hours=age), usage_location="NL", synced=age > 30 or None)
        for number, sku_id in enumerate(self.bought):
            synced = rng.choice((True, True, None, False))
            holder = add(
                f"Holder {number}", usage_location="NL", synced=synced, methods=rng.choice(((), ("email",)))
            )
            self.give(holder, sku_id, *rng.sample(self.bought, 1))

    def _licensing_groups(self) -> list[str]:
        """A group short of seats, one that fails on some, one with a group in it, one without licences."""
        world, rng = self.world, self.rng
        people = [
            *self.cast["bare"][:1],
            *(self.add_user(f"Member {n}", synced=rng.choice((True, None))) for n in range(5)),
        ]
        short, failing, nesting = (world.add_group(name).id for name in ("Short", "Failing", "Nesting"))
        inner = world.add_group("Inner").id
        scarce = rng.choice(self.bought)
        world.add_to_group(short, [people[1], *people[5:7]])
        world.set_group_licences(short, {scarce: (), P1: ()})
        people[2:2] = self.cast["failing"]
        for member in people[2:7]:
            code = rng.choice(("MutuallyExclusiveViolation", "Other", "DependencyViolation"))
            world.licensing.forced[(failing, member)] = code
        world.add_to_group(failing, people[2:8])
        world.set_group_licences(failing, {P1: ()})
        world.add_to_group(inner, people[7:])
        world.add_to_group(nesting, [inner])
        world.set_group_licences(nesting, {skus.M365_E3: ()})
        return [short, failing, nesting, inner]
