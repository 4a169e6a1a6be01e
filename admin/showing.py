"""A list of exceptions for a terminal, a spreadsheet or a program.

Names come from people, some of them hostile: here they show as they read and do nothing else.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

import msgspec
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from admin.intake import COLUMNS as WRITTEN
from admin.intake import EXPORTED
from admin.people import Groups
from admin.words import say, texts
from shared.model import SubjectType, zulu
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.saying.names import Person
from shared.rules.kinds import KindRow
from shared.texts.cells import table
from shared.texts.plain import one_line

COLUMNS = ("id", "what", "whom", "owner", "reason", "until", "state")
IN_FORCE, _ENDED = "in-force", "ended"
"""The codes of an exception's state."""
_PIPED_WIDTH = 160
"""Columns, where neither a terminal nor `COLUMNS` says how wide the output is."""
_TABLE_FROM = 140
"""On fewer columns seven cells beside each other would be a few letters wide each."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An exception with the names that belong to it, as they are: whoever prints them makes them harmless.

    `kind`, `subject` and `state` are for people, in their language; `kind_code`, `subject_type`, `subject_id`
    and `state_code` for programs. `name`, `upn`: empty where they are not known.
    `users`: how many there are in the group it is of, `everybody`: in the tenant; None where not known.
    `most`: whether it covers more than half of all users.
    """

    id: str
    kind_code: str
    kind: str
    subject_type: str
    subject_id: str
    subject: str
    name: str
    upn: str
    owner: str
    reason: str
    created_at: datetime
    until: datetime
    ended_at: datetime | None
    state: str
    state_code: str
    users: int | None = None
    everybody: int | None = None
    most: bool = False

    @classmethod
    def of(
        cls, one: Exemption, users: Mapping[str, Person], groups: Groups, kind: KindRow | None, now: datetime
    ) -> Self:
        """`users`: names by id, as far as they are known; `kind`: the one it names."""
        of_users = one.subject_type == "group" and (kind is None or SubjectType.USER in kind.subjects)
        person = users.get(one.subject_id, Person()) if one.subject_type == "user" else Person()
        group = groups.names.get(one.subject_id, "") if one.subject_type == "group" else ""
        return cls(
            id=one.id,
            kind_code=one.kind,
            kind=_kind(one),
            subject_type=one.subject_type,
            subject_id=one.subject_id,
            subject=_subject(one, person, group),
            name=person.name or group,
            upn=person.upn,
            owner=one.owner,
            reason=one.reason,
            created_at=one.created_at,
            until=one.until,
            ended_at=one.ended_at,
            state=_state(one, now),
            state_code=IN_FORCE if one.holds(now) else _ENDED,
            users=groups.users.get(one.subject_id) if of_users else None,
            everybody=groups.everybody,
            most=of_users and groups.holds_most(one.subject_id),
        )


def _kind(one: Exemption) -> str:
    """What is excepted, in the words of the cards."""
    if not one.kind:
        return texts().text("exception", "any_kind")
    return texts().find("exception", "kinds", one.kind) or one.kind


def _subject(one: Exemption, person: Person, group: str) -> str:
    match one.subject_type:
        case "user":
            name, upn = one_line(person.name), one_line(person.upn)
            return f"{name} ({upn})" if name and upn and name != upn else name or upn or one.subject_id
        case "group":
            name = one_line(group)
            return (
                say("whom", "group_named", name=name, id=one.subject_id)
                if name
                else say("whom", "group", id=one.subject_id)
            )
        case "tenant":
            return say("whom", "tenant")
        case _:
            return say("whom", "anybody")


def _state(one: Exemption, now: datetime) -> str:
    if not one.holds(now):
        return say("state", "ended", day=texts().day(one.end.astimezone(UTC)))
    days = (one.end - now).days
    if not days:
        return say("state", "last_day")
    return say("state", "in_force", n=days) if days > 1 else say("state", "one_day")


def print_list(rows: Sequence[Shown]) -> None:
    """As wide as the terminal: a table where there is room, else a block for each exception."""
    width = shutil.get_terminal_size((_PIPED_WIDTH, 0)).columns
    console = Console(width=width, highlight=False, emoji=False, markup=False)
    shown: list[RenderableType] = [_as_table(rows)]
    if width < _TABLE_FROM:
        shown = [_as_block(row) for row in rows]
    for number, one in enumerate(shown):
        if number:
            console.print()
        console.print(one)


def _as_table(rows: Sequence[Shown]) -> Table:
    """Ids and ends stay whole, the rest is wrapped."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        whole = name in ("id", "until")
        shown.add_column(say("columns", name), no_wrap=whole, overflow="fold")
    for row in rows:
        shown.add_row(*_cells(row))
    return shown


def _as_block(row: Shown) -> Group:
    """The id, and below it a line for each of the rest; what is longer goes on under itself."""
    first, *cells = _cells(row)
    rest = Table.grid(padding=(0, 2))
    rest.add_column(no_wrap=True)
    rest.add_column(overflow="fold")
    for name, cell in zip(COLUMNS[1:], cells, strict=True):
        rest.add_row(Text(f"  {say('columns', name)}"), cell)
    return Group(first, rest)


def _cells(row: Shown) -> list[Text]:
    """In the order of `COLUMNS`. Text and not a plain string: in that, square brackets would be markup."""
    cells = (row.id, row.kind, _whom(row), row.owner, row.reason, _day(row.until), row.state)
    return [Text(one_line(cell, 500)) for cell in cells]


def _whom(row: Shown) -> str:
    if row.users is None or row.everybody is None:
        return row.subject
    number = texts().number
    return say("whom", "counted", whom=row.subject, n=number(row.users), all=number(row.everybody))


def _day(at: datetime) -> str:
    return texts().day(at.astimezone(UTC))


def as_csv(rows: Sequence[Shown]) -> str:
    """A file for a spreadsheet, UTF-8 with its mark, which `exception import` takes again.

    So `until` is the last day that is covered. `user`, `group` and `tenant` as in an import; no prose.
    """
    return table((*EXPORTED[:1], *WRITTEN, *EXPORTED[1:]), (_csv_row(row) for row in rows))


def _csv_row(row: Shown) -> tuple[str, ...]:
    user, group = ((row.subject_id if row.subject_type == one else "") for one in ("user", "group"))
    return (
        *(row.id, user, group, "yes" if row.subject_type == "tenant" else ""),
        *(row.kind_code, row.until.astimezone(UTC).date().isoformat(), row.owner, row.reason),
        *(row.name, row.upn, _stamp(row.created_at), _stamp(row.ended_at), row.state_code),
        "" if row.users is None else str(row.users),
    )


def as_json(rows: Sequence[Shown]) -> str:
    """For a program: the values as they are stored, everything beyond ASCII escaped; no prose."""
    listed = [
        {
            "id": row.id,
            "kind": row.kind_code,
            "subject": {"type": row.subject_type, "id": row.subject_id, "name": row.name, "upn": row.upn},
            "owner": row.owner,
            "reason": row.reason,
            "created_at": _stamp(row.created_at),
            "until": _stamp(row.until),
            "ended_at": _stamp(row.ended_at) or None,
            "state": row.state_code,
            "users": row.users,
        }
        for row in rows
    ]
    return json.dumps({"schema": 2, "exceptions": listed}, indent=2)


def _stamp(at: datetime | None) -> str:
    return zulu(at) if at else ""
