"""Rows as a page carries them: each text that many rows share stands once. Pure.

`{"values": [...], "fields": [...], "shared": [...], "rows": [[...]]}`: a row's parts in the order of
`fields`; of those that `shared` names, the place in `values`. Thousands of rows differ in names and ids and
have few causes and remedies between them, so this is a fifth of the rows written out.
"""

from collections.abc import Sequence

import msgspec

from shared.report.views import RowView

OWN = ("id", "upn", "name", "since", "synced")
"""Fields that hardly two rows have alike."""

SHARED = tuple(name for name in RowView.__struct_fields__ if name not in OWN)
FIELDS = (*OWN, *SHARED)

_SIGNS = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))
_SEPARATORS = (("\u2028".encode(), b"\\u2028"), ("\u2029".encode(), b"\\u2029"))


class Packed(msgspec.Struct, frozen=True):
    """`text`: JSON that may stand in a `<script>` of data; `rows`: how many of the rows given it holds."""

    text: str
    rows: int


def pack(views: Sequence[RowView], *, most: int, room: int) -> Packed:
    """The first rows that fit: at most `most` of them, and `room` bytes in all (but the outermost frame)."""
    values: list[bytes] = []
    places: dict[object, int] = {}
    rows: list[bytes] = []
    used = 0
    for view in views[:most]:
        row: list[object] = [getattr(view, name) for name in OWN]
        new: list[bytes] = []
        for name in SHARED:
            value = getattr(view, name)
            if value not in places:
                places[value] = len(values) + len(new)
                new.append(as_data(value))
            row.append(places[value])
        line = as_data(row)
        used += len(line) + 1 + sum(len(one) + 1 for one in new)
        if used > room:
            break
        rows.append(line)
        values += new
    head = as_data({"fields": FIELDS, "shared": SHARED})[:-1]
    text = b"".join((head, b',"values":[', b",".join(values), b'],"rows":[', b",".join(rows), b"]}"))
    return Packed(text.decode(), len(rows))


def as_data(value: object) -> bytes:
    """JSON that ends no `<script>`, begins no comment and no entity, whatever a name in it tries to be."""
    text = msgspec.json.encode(value)
    for sign, written in (*_SIGNS, *_SEPARATORS):
        if sign in text:
            text = text.replace(sign, written)
    return text
