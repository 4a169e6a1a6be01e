"""The crowd as the rest of the simulator knows users: a mapping, a sorted sequence, sets, and pages.

Whoever takes a user by `users[id]` may change it, so it becomes an object and stays one. `peek`, `values` and
`items` are for reading: they make up a user on the spot and forget it.
"""

import bisect
import itertools
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
    ValuesView,
)
from collections.abc import Set as AbstractSet
from typing import Any, Self, overload

import msgspec

from sandbox.graph.crowd import Crowd
from sandbox.graph.records import Group, User

Place = int | str
"""A user of a listing: the number of one who is of the crowd still, or an id."""


_STAMPS = itertools.count()
_REMEMBERED = 4


class CrowdSet(MutableSet[str]):
    """A set of ids: a byte for each user of the crowd, and the ids of others. Iterates in order of id.

    `stamp`: another number after each change, and for each set.
    """

    def __init__(self, crowd: Crowd, flags: bytes | bytearray, others: Iterable[str] = ()) -> None:
        self.crowd = crowd
        self.flags = bytearray(flags)
        self.others = sorted(others)
        self._marked: int | None = None
        self.stamp = next(_STAMPS)

    @classmethod
    def of(cls, crowd: Crowd, ids: AbstractSet[str]) -> "CrowdSet":
        """These ids as such a set; the very same if it is one."""
        if isinstance(ids, CrowdSet):
            return ids
        found = cls(crowd, bytes(crowd.size))
        for user_id in ids:
            found.add(user_id)
        return found

    def __contains__(self, user_id: object) -> bool:
        if not isinstance(user_id, str):
            return False
        index = self.crowd.index_of(user_id)
        if index is not None:
            return bool(self.flags[index])
        at = bisect.bisect_left(self.others, user_id)
        return at < len(self.others) and self.others[at] == user_id

    def __len__(self) -> int:
        if self._marked is None:
            self._marked = self.flags.count(1)
        return self._marked + len(self.others)

    def __iter__(self) -> Iterator[str]:
        for place in self.places():
            yield place if isinstance(place, str) else self.crowd.id_of(place)

    def add(self, value: str) -> None:
        """Put an id in."""
        if value in self:
            return
        index = self.crowd.index_of(value)
        if index is None:
            bisect.insort(self.others, value)
        else:
            self.flags[index] = 1
        self._marked, self.stamp = None, next(_STAMPS)

    def discard(self, value: str) -> None:
        """Take an id out if it is in."""
        if value not in self:
            return
        index = self.crowd.index_of(value)
        if index is None:
            del self.others[bisect.bisect_left(self.others, value)]
        else:
            self.flags[index] = 0
        self._marked, self.stamp = None, next(_STAMPS)

    def __or__(self, other: AbstractSet[Any]) -> "CrowdSet":
        given = CrowdSet.of(self.crowd, other)
        joined = int.from_bytes(self.flags) | int.from_bytes(given.flags)
        return CrowdSet(self.crowd, joined.to_bytes(self.crowd.size), {*self.others, *given.others})

    __ror__ = __or__

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> set[Any]:
        return set(it)

    def places(self, after: str = "") -> Iterator[Place]:
        """Everybody in the set behind an id, in order of id: numbers of the crowd, ids of others."""
        index = self.crowd.first_after(after) if after else 0
        at = bisect.bisect_right(self.others, after)
        while True:
            bound = self.crowd.first_after(self.others[at]) if at < len(self.others) else self.crowd.size
            while (index := self.flags.find(1, index, bound)) >= 0:
                yield index
                index += 1
            if at == len(self.others):
                return
            yield self.others[at]
            index, at = bound, at + 1


class CrowdUsers(MutableMapping[str, User]):
    """Users by id, in order of id. `objects`: those who are objects: never of the crowd, or no longer.

    `untouched`: 1 for every number whose user still is what the rule says.
    """

    def __init__(self, crowd: Crowd, objects: Mapping[str, User]) -> None:
        self.crowd = crowd
        self.objects = dict(objects)
        self.ids = CrowdSet(crowd, b"\1" * crowd.size, objects)
        self.untouched = bytearray(self.ids.flags)

    def peek(self, user_id: str) -> User | None:
        """The user, only to be read."""
        user = self.objects.get(user_id)
        if user is not None:
            return user
        index = self.crowd.index_of(user_id)
        return None if index is None or not self.untouched[index] else self.crowd.user(index)

    def __getitem__(self, user_id: str) -> User:
        user = self.peek(user_id)
        if user is None:
            raise KeyError(user_id)
        self[user_id] = user
        return user

    def __setitem__(self, user_id: str, user: User) -> None:
        if self.objects.get(user_id) is not user:
            self.objects[user_id] = user
            self.ids.add(user_id)
            self._touch(user_id)

    def __delitem__(self, user_id: str) -> None:
        if user_id not in self:
            raise KeyError(user_id)
        self.ids.discard(user_id)
        self.objects.pop(user_id, None)
        self._touch(user_id)

    def _touch(self, user_id: str) -> None:
        index = self.crowd.index_of(user_id)
        if index is not None:
            self.untouched[index] = 0

    def __contains__(self, user_id: object) -> bool:
        return user_id in self.objects or user_id in self.ids

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def values(self) -> ValuesView[User]:
        """Every user, only to be read."""
        return _Values(self)

    def items(self) -> ItemsView[str, User]:
        """Every id with its user, only to be read."""
        return _Items(self)

    def read(self, place: Place) -> User:
        """The user at a place of `ids`, only to be read."""
        if isinstance(place, str):
            return self.objects[place]
        return self.crowd.user(place) if self.untouched[place] else self.objects[self.crowd.id_of(place)]


class _Values(ValuesView[User]):
    def __init__(self, users: CrowdUsers) -> None:
        super().__init__(users)
        self._users = users

    def __iter__(self) -> Iterator[User]:
        return map(self._users.read, self._users.ids.places())


class _Items(ItemsView[str, User]):
    def __init__(self, users: CrowdUsers) -> None:
        super().__init__(users)
        self._users = users

    def __iter__(self) -> Iterator[tuple[str, User]]:
        return ((user.id, user) for user in self._users.values())


class CrowdOrder(MutableSequence[str]):
    """All ids in order, as a list of its own. An id goes in where it belongs, whatever place is asked for."""

    def __init__(self, users: CrowdUsers) -> None:
        self.ids = CrowdSet(users.crowd, users.ids.flags, users.ids.others)
        self._crowd = users.crowd
        self._gone = [number for number, flag in enumerate(self.ids.flags) if not flag]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        others = self.ids.others
        # How many others come before: the first whose own place would be behind this one ends the search.
        before = bisect.bisect_left(range(len(others)), at, key=lambda n: n + self._rank(others[n]))
        if before < len(others) and before + self._rank(others[before]) == at:
            return others[before]
        return self._crowd.id_of(self._nth(at - before))

    def insert(self, index: int, value: str) -> None:
        """Put an id in, where it belongs."""
        self.ids.add(value)
        number = self._crowd.index_of(value)
        if number in self._gone:
            self._gone.remove(number)

    def __delitem__(self, index: int | slice) -> None:
        for user_id in [self[index]] if isinstance(index, int) else list(self[index]):
            self.ids.discard(user_id)
            number = self._crowd.index_of(user_id)
            if number is not None:
                bisect.insort(self._gone, number)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("the order of ids follows from the ids")

    def _rank(self, user_id: str) -> int:
        """How many of the crowd come before this id."""
        first = self._crowd.first_after(user_id)
        return first - bisect.bisect_left(self._gone, first)

    def _nth(self, count: int) -> int:
        """The number of the user of the crowd who has so many before him."""
        passed = bisect.bisect_right(range(len(self._gone)), count, key=lambda n: self._gone[n] - n)
        return count + passed


class CrowdListing:
    """What pages of users are taken from: `ids`, of whom those in `rule` are filled into stencils by number.

    `row`: JSON of such a user; `wanted` and `render` are for all others, by id.
    """

    def __init__(
        self,
        ids: CrowdSet,
        rule: bytes | bytearray,
        row: Callable[[int], bytes],
        wanted: Callable[[str], bool],
        render: Callable[[str], Any],
    ) -> None:
        self._ids = ids
        self._rule = rule
        self._row = row
        self._wanted = wanted
        self._render = render

    def count(self) -> int:
        """How many users all pages together have."""
        size = self._ids.crowd.size
        flags, rule = int.from_bytes(self._ids.flags), int.from_bytes(self._rule)
        others = CrowdSet(self._ids.crowd, (flags & ~rule).to_bytes(size), self._ids.others)
        return len(self._ids) - sum(1 for user_id in others if not self._wanted(user_id))

    def take(self, after: str | None, size: int) -> tuple[list[Any], str, bool]:
        """A page behind an id: its rows, the last id, and whether more follow."""
        rows: list[Any] = []
        last: Place = after or ""
        id_of, rule, row = self._ids.crowd.id_of, self._rule, self._row
        more = False
        for place in self._ids.places(after or ""):
            by_rule = isinstance(place, int) and rule[place]
            shown = "" if by_rule else place if isinstance(place, str) else id_of(place)
            if not by_rule and not self._wanted(shown):
                continue
            if len(rows) == size:
                more = True
                break
            rows.append(
                msgspec.Raw(row(place)) if isinstance(place, int) and by_rule else self._render(shown)
            )
            last = place
        return rows, last if isinstance(last, str) else id_of(last), more


_unions: dict[tuple[object, ...], CrowdSet] = {}


def union(sets: Sequence[AbstractSet[str]]) -> AbstractSet[str]:
    """All of these together, only to be read: the union of large ones is kept until one of them changes."""
    large = [one for one in sets if isinstance(one, CrowdSet)]
    rest = frozenset[str]().union(*(one for one in sets if not isinstance(one, CrowdSet)))
    if not large:
        return rest
    key = (rest, *(one.stamp for one in large))
    if key not in _unions:
        if len(_unions) >= _REMEMBERED:
            _unions.clear()
        whole = large[0] | rest
        for one in large[1:]:
            whole = whole | one
        _unions[key] = whole
    return _unions[key]


def joined(
    crowd: Crowd, users: Mapping[str, User], groups: Iterable[Group], holders: dict[str, MutableSet[str]]
) -> tuple[CrowdUsers, CrowdOrder]:
    """Users and their order with the crowd beside these; it goes into its groups and the holders too."""
    for group in groups:
        flags = crowd.members(group.id)
        if any(flags):
            group.members = CrowdSet(crowd, flags, group.members)
    for sku_id in crowd.sku_ids:
        holders[sku_id] = CrowdSet(crowd, crowd.holding(sku_id), holders.get(sku_id, ()))
    everybody = CrowdUsers(crowd, users)
    return everybody, CrowdOrder(everybody)
