"""Lists of a group's members as they are stored: ids of sixteen bytes each, in order. Pure.

A group may have half a million members: so a list of them is 8 MB, and two are compared by walking them side
by side. In storage it is a JSON string (base64), the blob of `manifest.members_path`.
"""

import uuid
from collections.abc import Iterator
from itertools import groupby

import msgspec

_SIZE = 16


def pack(ids: list[bytes]) -> bytes:
    """Ids of sixteen bytes in order, each once. Sorts the list that is given."""
    ids.sort()
    return b"".join(one for one, _ in groupby(ids))


def encode(packed: bytes) -> bytes:
    """A packed list as it is stored."""
    return msgspec.json.encode(packed)


def decode(data: bytes) -> bytes:
    """The reverse of `encode`. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(data, type=bytes)


def users(packed: bytes) -> Iterator[str]:
    """The ids of a packed list as Graph writes them, in order."""
    return map(_written, _each(packed))


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
