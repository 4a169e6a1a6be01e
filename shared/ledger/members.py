"""Lists of a group's members as they are stored: ids of sixteen bytes each, in order. Pure.

A group may have half a million members: so a list of them is 8 MB, and two are compared by walking them side
by side. So it is stored, the blob of `manifest.members_path`: a copy in another form would be as large again.
"""

import bisect
import heapq
import uuid
from collections.abc import Iterable, Iterator
from itertools import groupby

_SIZE = 16
_RUN = 50_000
"""So many ids are objects of their own at a time, of sixteen bytes in fifty; the others lie packed."""


class Packing:
    """Puts ids together as they come, in any order, without ever holding all of them one by one."""

    def __init__(self, run: int = _RUN) -> None:
        self._run = run
        self._loose: list[bytes] = []
        self._runs: list[bytes] = []

    def add(self, ids: Iterable[str]) -> None:
        """Take more ids in, as Graph writes them."""
        self._loose += [uuid.UUID(one).bytes for one in ids]
        if len(self._loose) >= self._run:
            self._put_by()

    def packed(self) -> bytes:
        """Ids of sixteen bytes in order, each once. The last that is asked of it."""
        self._put_by()
        together = bytearray()
        for one, _ in groupby(heapq.merge(*map(_each, self._runs))):
            together += one
        self._runs.clear()
        return bytes(together)

    def _put_by(self) -> None:
        self._loose.sort()
        self._runs.append(b"".join(self._loose))
        self._loose.clear()


def count(packed: bytes) -> int:
    """How many ids are in a packed list."""
    return len(packed) // _SIZE


def users(packed: bytes) -> Iterator[str]:
    """The ids of a packed list as Graph writes them, in order."""
    return map(_written, _each(packed))


def among(packed: bytes, user_ids: Iterable[str]) -> Iterator[str]:
    """Those of these users whose ids are in a packed list, in the order and form they are asked for.

    Each is looked up by halving: a list of half a million takes twenty steps. What is no id is in no list.
    """
    listed = _Packed(packed)
    for user_id in user_ids:
        try:
            one = uuid.UUID(user_id).bytes
        except ValueError:
            continue
        place = bisect.bisect_left(listed, one)
        if place < len(listed) and listed[place] == one:
            yield user_id


class _Packed:
    """A packed list as a sequence of ids, none of them an object of its own until it is asked for."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // _SIZE

    def __getitem__(self, place: int) -> bytes:
        return self._packed[place * _SIZE : (place + 1) * _SIZE]


def came_or_went(before: bytes, after: bytes) -> Iterator[str]:
    """The ids that are in one of two packed lists and not in the other, in order."""
    return (_written(one) for one, was, is_now in _side_by_side(before, after) if was != is_now)


def either(before: bytes, after: bytes) -> Iterator[str]:
    """The ids that are in one of two packed lists, or in both, in order."""
    return (_written(one) for one, _, _ in _side_by_side(before, after))


def _side_by_side(before: bytes, after: bytes) -> Iterator[tuple[bytes, bool, bool]]:
    """Each id of two packed lists, with whether it is in the one and in the other."""
    old, new = _each(before), _each(after)
    left, right = next(old, None), next(new, None)
    while left is not None or right is not None:
        was = right is None or (left is not None and left <= right)
        is_now = left is None or (right is not None and right <= left)
        yield (left if was else right) or b"", was, is_now
        left = next(old, None) if was else left
        right = next(new, None) if is_now else right


def _each(packed: bytes) -> Iterator[bytes]:
    return (packed[at : at + _SIZE] for at in range(0, len(packed), _SIZE))


def _written(one: bytes) -> str:
    return str(uuid.UUID(bytes=one))
