"""Who draws a history: the seed's own luck, the tenant as it stands, and whom and what a step may take."""

import random
from dataclasses import dataclass, field
from datetime import timedelta

from sandbox.graph import operations as ops
from sandbox.graph.records import User
from tests.oracle import policies
from tests.oracle.tenants import CLOUD, P1, Tenant

Operations = tuple[ops.Operation, ...]

STEPS = (15, 40)
"""Steps of a history, at least and at most, before those that are forced."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happens, and how much time passes after it. `timers`: the host's timers come round, too."""

    kind: str
    does: Operations = ()
    settings: policies.Settings | None = None
    after: timedelta = timedelta(0)
    timers: bool = False

    def __str__(self) -> str:
        done = [self.settings or "", *(shown(one) for one in self.does)]
        return (
            f"{self.kind:16} {'; '.join(str(one) for one in done if one)} +{self.after} {'T' * self.timers}"
        )


def shown(operation: ops.Operation) -> str:
    """An operation with what it was given and no more."""
    names = operation.__struct_fields__
    missing = len(names) - len(operation.__struct_defaults__)
    defaults = dict(zip(names[missing:], operation.__struct_defaults__, strict=True))
    given = {name: getattr(operation, name) for name in names}
    told = ", ".join(f"{name}={one!r}" for name, one in given.items() if one != defaults.get(name, _NONE))
    return f"{type(operation).__name__}({told})"


_NONE = object()


@dataclass(slots=True)
class Author:
    """Draws the steps. `settings` are those in force, `former` those before the last change."""

    seed: int
    tenant: Tenant
    settings: policies.Settings
    rng: random.Random = field(init=False)
    passed: timedelta = timedelta(0)
    former: policies.Settings | None = None

    def __post_init__(self) -> None:
        self.rng = random.Random(f"history {self.seed}")

    def length(self) -> int:
        """How many steps there are before the forced ones."""
        return self.rng.randint(*STEPS)

    def pause(self, kind: str) -> timedelta:
        """Seconds to a day; a week twice in a history at most, so that reports age and no tombstone ends."""
        if kind == "wait":
            long = timedelta(days=self.rng.choice((1, 2, 3, 8)))
        else:
            long = timedelta(minutes=self.rng.choice((0.05, 0.5, 2, 7, 20, 70, 300)))
        if self.passed + long > timedelta(days=25):
            long = timedelta(minutes=1)
        self.passed += long
        return long

    # --- whom and what -----------------------------------------------------------------------------------

    def present(self) -> list[User]:
        """Users who are not deleted, in order of id."""
        world = self.tenant.world
        return [world.users[one] for one in world.user_order if world.users[one].deleted_at is None]

    def anybody(self) -> User:
        """One of them; the cast and the odd ones as likely as all the rest."""
        users = self.present()
        special = [user for user in users if user.created_at > self.tenant.newest_of_the_mix]
        return self.rng.choice(special if special and self.rng.random() < 0.6 else users)

    def deleted(self) -> list[str]:
        """Users who can be restored."""
        world = self.tenant.world
        return [one for one in world.user_order if world.users[one].deleted_at is not None]

    def sku(self) -> str:
        """A SKU of the tenant, mostly one that decides something."""
        if self.rng.random() < 0.5:
            return self.rng.choice(
                [one for one in (P1, CLOUD) if one in self.tenant.world.skus] or [self.any_sku()]
            )
        return self.any_sku()

    def any_sku(self) -> str:
        """Any SKU of the tenant."""
        return self.rng.choice(sorted(self.tenant.world.skus))

    def licensing_group(self) -> str:
        """A group that assigns licences, or might."""
        return self.rng.choice([one for one in self.tenant.licensing if one in self.tenant.world.groups])
