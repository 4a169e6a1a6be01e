"""The changes of a soak, done to the simulated tenant. What one change breaks another may mend later."""

import random
from collections import Counter
from collections.abc import Callable

from sandbox.graph.records import User
from sandbox.graph.world import Refused, World
from tests.soak.schedule import Change

LOOKS = 25
"""So many users are looked at for one whom the change suits; then it is left out."""


class Author:
    """Does changes; `done` and `left_out` count them by kind."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._disabled: list[str] = []
        self._deleted: list[str] = []
        self._taken: list[tuple[str, str, tuple[str, ...]]] = []
        self._outside: list[tuple[str, str]] = []
        self.done: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self._ways: dict[str, Callable[[random.Random], bool]] = {
            "rename": self._rename,
            "disable": self._disable,
            "enable": self._enable,
            "take": self._take,
            "give": self._give,
            "leave-group": self._leave,
            "join-group": self._join,
            "delete": self._delete,
            "restore": self._restore,
            "add": self._add,
            "locate": self._locate,
        }

    def make(self, change: Change) -> bool:
        """Have it done; whether there was somebody to do it to."""
        dice = random.Random(change.dice)
        try:
            done = self._ways[change.kind](dice)
        except Refused:
            done = False
        (self.done if done else self.left_out)[change.kind] += 1
        return done

    def _somebody(self, dice: random.Random, suits: Callable[[User], bool]) -> User | None:
        order, world = self._world.user_order, self._world
        for _ in range(LOOKS):
            user = world.peek(order[dice.randrange(len(order))])
            if user is not None and user.deleted_at is None and suits(user):
                return user
        return None

    def _rename(self, dice: random.Random) -> bool:
        user = self._somebody(dice, lambda one: True)
        if user is None:
            return False
        self._world.update_user(user.id, display_name=f"{user.given_name or 'N.'} {dice.getrandbits(32):x}")
        return True

    def _disable(self, dice: random.Random) -> bool:
        user = self._somebody(dice, lambda one: one.account_enabled)
        if user is None:
            return False
        self._world.update_user(user.id, account_enabled=False)
        self._disabled.append(user.id)
        return True

    def _enable(self, dice: random.Random) -> bool:
        if not self._disabled:
            return False
        self._world.update_user(_drawn(dice, self._disabled), account_enabled=True)
        return True

    def _take(self, dice: random.Random) -> bool:
        user = self._somebody(dice, lambda one: bool(one.direct))
        if user is None:
            return False
        sku = sorted(user.direct)[dice.randrange(len(user.direct))]
        off = tuple(sorted(user.direct[sku].disabled))
        self._world.set_licences(user.id, remove=(sku,))
        self._taken.append((user.id, sku, off))
        return True

    def _give(self, dice: random.Random) -> bool:
        if not self._taken:
            return False
        user_id, sku, off = _drawn(dice, self._taken)
        self._world.set_licences(user_id, add={sku: off})
        return True

    def _leave(self, dice: random.Random) -> bool:
        user = self._somebody(dice, lambda one: any(giver in one.groups for giver, _ in one.inherited))
        if user is None:
            return False
        group = sorted(giver for giver, _ in user.inherited if giver in user.groups)[0]
        self._world.remove_from_group(group, (user.id,))
        self._outside.append((user.id, group))
        return True

    def _join(self, dice: random.Random) -> bool:
        if not self._outside:
            return False
        user_id, group = _drawn(dice, self._outside)
        self._world.add_to_group(group, (user_id,))
        return True

    def _delete(self, dice: random.Random) -> bool:
        user = self._somebody(dice, lambda one: not one.is_admin)
        if user is None:
            return False
        self._world.soft_delete(user.id)
        self._deleted.append(user.id)
        return True

    def _restore(self, dice: random.Random) -> bool:
        if not self._deleted:
            return False
        self._world.restore(_drawn(dice, self._deleted))
        return True

    def _add(self, dice: random.Random) -> bool:
        synced = True if dice.random() < 0.5 else None
        self._world.add_user(f"New {dice.getrandbits(32):x}", synced=synced, usage_location="NL")
        return True

    def _locate(self, dice: random.Random) -> bool:
        user = self._somebody(dice, lambda one: True)
        if user is None:
            return False
        self._world.update_user(user.id, usage_location=dice.choice(("NL", "BE", "DE")))
        return True


def _drawn[T](dice: random.Random, some: list[T]) -> T:
    """One of them, which is then no longer among them."""
    at = dice.randrange(len(some))
    some[at], some[-1] = some[-1], some[at]
    return some.pop()
