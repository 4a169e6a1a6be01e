"""`snapshot list` and `snapshot get`: the dated snapshots that the watch keeps, and one of them as a file."""

import contextlib
import json
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table

from admin.connection import Desk, WrongInput
from admin.keys import KeyFile
from admin.saved import unusable
from admin.tenants import expect
from admin.words import said, texts
from shared.archive import snapshots as archive
from shared.archive.snapshots import NoSnapshot, Stored
from shared.model import zulu
from shared.snapshot.file import SnapshotUnreadable
from shared.snapshot.judging import NoEdition
from shared.snapshot.pseudonyms import Pseudonyms
from shared.snapshot.rewriting import pseudonymised

SCHEMA = 1
COLUMNS = ("day", "taken", "reading", "users", "size", "edition", "names")
_NUMBERS = ("users", "size")
_DAYS_NAMED = 7
_PIPED_WIDTH = 160
_MB = 1_000_000


async def show(desk: Desk, *, as_json: bool) -> None:
    """Print what is kept. Raises `WrongInput` where the storage is another tenant's."""
    await expect(desk, may_begin=True)
    try:
        found = await archive.stored(desk.storage.evidence, desk.tenant_id)
    except SnapshotUnreadable as problem:
        raise unusable(problem, archive.root(desk.tenant_id)) from None
    if as_json:
        print(_as_json(found))
    elif not found:
        print(said("snapshots", "kept", "none"))
    else:
        _print_table(found)


def _print_table(found: Sequence[Stored]) -> None:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        shown.add_column(
            said("snapshots", "kept", "columns", name),
            justify="right" if name in _NUMBERS else "left",
            no_wrap=name != "names",
        )
    for one in found:
        shown.add_row(
            one.day.isoformat(),
            f"{one.taken_at:%H:%M}",
            one.reading[:8],
            texts().number(one.users),
            _megabytes(one.size),
            one.edition,
            said("snapshots", "kept", "names", "replaced" if one.key_check else "plain"),
        )
    width = max(80, shutil.get_terminal_size((_PIPED_WIDTH, 24)).columns)
    Console(width=width, highlight=False, emoji=False, markup=False).print(shown)


def _as_json(found: Sequence[Stored]) -> str:
    listed = [
        {
            "day": one.day.isoformat(),
            "taken_at": zulu(one.taken_at),
            "reading": one.reading,
            "users": one.users,
            "bytes": one.size,
            "edition": one.edition,
            "pseudonymised": bool(one.key_check),
        }
        for one in found
    ]
    return json.dumps({"schema": SCHEMA, "snapshots": listed}, indent=2)


def _megabytes(size: int) -> str:
    """With one place, as people of the language write it."""
    whole, tenths = divmod(round(size * 10 / _MB), 10)
    return said("snapshots", "kept", "megabytes", whole=texts().number(whole), tenths=tenths)


async def get(desk: Desk, wanted: str, out: Path, key_file: Path | None) -> None:
    """Write a snapshot to a file of its own: the whole, or nothing. Raises `WrongInput`.

    Every line is read on the way, so what is cut or was changed is refused. A key file that is not there is
    made, as for `audit`.
    """
    _refuse_what_is_there(out, key_file)
    key = KeyFile(key_file) if key_file else None
    names = key.pseudonyms if key else None
    await expect(desk, may_begin=False)
    container = desk.storage.evidence
    try:
        one = await archive.find(container, desk.tenant_id, wanted)
    except NoSnapshot as problem:
        raise WrongInput(_not_there(problem)) from None
    except SnapshotUnreadable as problem:
        raise unusable(problem, archive.root(desk.tenant_id)) from None
    if names and one.key_check:
        raise WrongInput(said("snapshots", "kept", "hidden-already", day=one.day.isoformat()))
    try:
        with _whole_or_nothing(out) as file:
            await _write(desk, one, file, names)
            size = file.tell()
            # Before there is a file that nobody could ever make out.
            made = key.keep() if key else ""
    except (SnapshotUnreadable, NoEdition) as problem:
        raise unusable(problem, f"{one.day}/{one.reading}") from None
    moment = texts().moment(one.taken_at)
    users = texts().number(one.users)
    print(said("snapshots", "kept", "got", file=str(out), users=users, at=moment, size=_megabytes(size)))
    if key_file:
        print(said("snapshots", "kept", "hidden", file=str(key_file)))
    if made:
        print(made)


async def _write(desk: Desk, one: Stored, file: IO[bytes], names: Pseudonyms | None) -> None:
    async for kept in archive.parts_of(desk.storage.evidence, desk.tenant_id, one):
        if names:
            pseudonymised(kept.lines(), file, names, desk.rules)
        else:
            deque(kept.lines(), maxlen=0)
            file.write(kept.data)


def _not_there(problem: NoSnapshot) -> str:
    if not problem.days:
        return said("snapshots", "kept", "none")
    days = ", ".join(day.isoformat() for day in problem.days[-_DAYS_NAMED:])
    more = len(problem.days) - _DAYS_NAMED
    if more > 0:
        return said("snapshots", "kept", "not-of-more", wanted=problem.wanted, days=days, n=more)
    return said("snapshots", "kept", "not-of", wanted=problem.wanted, days=days)


def _refuse_what_is_there(out: Path, key_file: Path | None) -> None:
    if key_file and key_file.absolute() == out.absolute():
        raise WrongInput(said("snapshots", "kept", "same-file", file=str(out)))
    if os.path.lexists(out):
        raise WrongInput(said("snapshots", "kept", "exists", file=str(out)))


@contextlib.contextmanager
def _whole_or_nothing(out: Path) -> Iterator[IO[bytes]]:
    """A file beside the one that is wanted, for its owner's eyes only; if all went well it takes its place.

    Raises `WrongInput` where none can be made.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=out.absolute().parent, prefix=f".{out.name}.")
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise WrongInput(said("snapshots", "kept", "no-place", file=str(out), problem=reason)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.replace(name, out)
    except BaseException:
        os.unlink(name)
        raise
