"""A small PNG of a picture that has few colours, such as text on a plain ground."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterable

COLOURS = 16
"""What four bits tell apart."""

MANY, CLOSE = 256, 12
"""What eight bits tell apart, and how near colours may then be: for a picture with drawings in it."""

NEAR = 60
"""Colours whose red, green and blue differ by no more than this in sum count as one."""

Colour = tuple[int, int, int]


def small_png(width: int, height: int, rgba: bytes, *, many: bool = False) -> bytes:
    """The picture in its `COLOURS` (`MANY`) most frequent colours, each other pixel in the nearest of them.

    `rgba`: four bytes for each pixel, row by row; opacity is left out. https://www.w3.org/TR/png-3/
    """
    pixels = list(zip(rgba[0::4], rgba[1::4], rgba[2::4], strict=True))
    counts = Counter(pixels)
    by_frequency = (colour for colour, _ in counts.most_common())
    chosen = palette(by_frequency, MANY, CLOSE) if many else palette(by_frequency)
    nearest = {colour: _nearest(colour, chosen) for colour in counts}
    rows = bytearray()
    for start in range(0, width * height, width):
        row = [nearest[colour] for colour in pixels[start : start + width]]
        rows.append(0)  # no filter: between places in a palette none helps
        if many:
            rows += bytes(row)
            continue
        row += [0] * (width % 2)
        rows += bytes(left << 4 | right for left, right in zip(row[0::2], row[1::2], strict=True))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 if many else 4, 3, 0, 0, 0)),
            _chunk(b"PLTE", bytes(part for colour in chosen for part in colour)),
            _chunk(b"IDAT", zlib.compress(bytes(rows), 9)),
            _chunk(b"IEND", b""),
        )
    )


def palette(by_frequency: Iterable[Colour], most: int = COLOURS, near: int = NEAR) -> list[Colour]:
    """The first `most` of these that are not near one before."""
    chosen: list[Colour] = []
    for colour in by_frequency:
        if all(sum(abs(a - b) for a, b in zip(colour, one, strict=True)) > near for one in chosen):
            chosen.append(colour)
        if len(chosen) == most:
            break
    return chosen


def _nearest(colour: Colour, chosen: list[Colour]) -> int:
    distances = [sum((a - b) ** 2 for a, b in zip(colour, one, strict=True)) for one in chosen]
    return distances.index(min(distances))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
