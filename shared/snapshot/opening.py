"""A snapshot on disk: a file, or the folder that an audit wrote it to."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from shared.snapshot.file import SUFFIX, read
from shared.snapshot.lines import Line

FILE_NAME = f"snapshot{SUFFIX}"
"""What an audit calls its snapshot."""


class NoSnapshot(Exception):
    """There is no snapshot to open. `code`: a text of section `snapshots`, with `values`."""

    def __init__(self, code: str, **values: str) -> None:
        self.code, self.values = code, values
        super().__init__(code)


class Saved:
    """An opened snapshot. Its lines may be read as often as it takes."""

    def __init__(self, path: Path, source: IO[bytes], size: int) -> None:
        self.path, self.size = path, size
        self._source = source

    @property
    def done(self) -> int:
        """Bytes of the file, out of `size`, that the reading under way has taken."""
        return self._source.tell()

    def lines(self) -> Iterator[Line]:
        """Every line from the beginning; ends any reading under way. Raises `SnapshotUnreadable`."""
        self._source.seek(0)
        return read(self._source)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Saved]:
    """The snapshot at a path: a file of any name, or a folder with one in it. Raises `NoSnapshot`."""
    file = _in_folder(path) if path.is_dir() else path
    try:
        source, size = file.open("rb"), file.stat().st_size
    except FileNotFoundError:
        raise NoSnapshot("not-there", file=str(path)) from None
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise NoSnapshot("not-readable", file=str(file), problem=reason) from None
    with source:
        yield Saved(file, source, size)


def _in_folder(folder: Path) -> Path:
    """Of an audit its own; else the only one there is."""
    named = folder / FILE_NAME
    if named.is_file():
        return named
    try:
        found = sorted(one for one in folder.iterdir() if one.name.endswith(SUFFIX) and one.is_file())
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise NoSnapshot("not-readable", file=str(folder), problem=reason) from None
    if not found:
        raise NoSnapshot("none-in-folder", folder=str(folder), name=FILE_NAME)
    if len(found) > 1:
        raise NoSnapshot(
            "several-in-folder", folder=str(folder), names=", ".join(one.name for one in found[:5])
        )
    return found[0]
