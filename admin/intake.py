"""Exceptions as people write them: on the command line, in a CSV file, in JSON. Pure."""

import contextlib
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from shared.model.base import utc
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.exceptions.proposals import Fault, Proposal, end_of_day, tidy
from shared.texts.cells import LONGEST, without_apostrophe
from shared.texts.plain import one_line

COLUMNS = ("user", "group", "tenant", "kind", "until", "owner", "reason")
"""Of a CSV file, in any order; those of no use may be missing. JSON objects have the same names."""

_SEPARATOR = re.compile(r"sep=[,;\t]", re.IGNORECASE)
"""A first line by which some tools tell Excel how cells are set apart."""

EXPORTED = ("id", "name", "upn", "created_at", "ended_at", "state", "users")
"""Further columns of what `exception list --csv` writes. An import knows them and takes nothing from them but
which row was which exception, and that it has ended."""

_NEEDED = ("until", "owner", "reason")
_LENGTH = re.compile(r"(\d{1,4})d")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LOCAL_DAY = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_NO = ("", "no", "false", "0")
_YES = ("yes", "true", "1")


class Place(msgspec.Struct, frozen=True):
    """Where in a list: the first `line` of a row of a CSV file, or which `object` of a JSON array, from 1."""

    unit: Literal["line", "object"]
    number: int


class Unreadable(Exception):
    """The list as a whole can't be understood. `fault` says why; `place` where, if it is in one."""

    def __init__(self, fault: Fault, place: Place | None = None) -> None:
        super().__init__(fault.code)
        self.fault, self.place = fault, place


def is_text(given: str) -> bool:
    """Whether it can be stored and shown. Of an argument that is not UTF-8, Python makes halves of pairs."""
    return not any("\ud800" <= sign <= "\udfff" for sign in given)


class Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exception as somebody wrote it, every part a text.

    `place`: where in a list; None on the command line. `id`, `ended`: of a row that `exception list --csv`
    wrote, the exception's id, and whether it had ended.
    """

    place: Place | None = None
    id: str = ""
    ended: bool = False
    user: str = ""
    group: str = ""
    tenant: str = ""
    kind: str = ""
    until: str = ""
    owner: str = ""
    reason: str = ""

    @property
    def sign_in_name(self) -> str:
        """The user as a name that has to be looked up; empty where there is none or it is an id."""
        name = self.user.strip()
        return name if "@" in name else ""


class Understood(msgspec.Struct, frozen=True):
    """What was written as a proposal, and what could not be understood of it."""

    proposal: Proposal
    faults: tuple[Fault, ...] = ()

    def together(self, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
        """With what else speaks against the proposal, each thing said once."""
        said = {_SAYS_ALREADY.get(fault.code, "") for fault in self.faults}
        return (*self.faults, *(fault for fault in faults if fault.code not in said))


_SAYS_ALREADY = {
    **dict.fromkeys(("bad-until", "zero-until", "ambiguous-until"), "no-until"),
    **dict.fromkeys(("unknown-user", "several-users"), "no-user-id"),
}


def listed(text: str) -> list[Written]:
    """The exceptions of a file, CSV with a header or a JSON array. Raises `Unreadable`."""
    is_json = text.lstrip("\ufeff \t\r\n")[:1] in ("[", "{")
    found = _from_json(text) if is_json else list(_from_csv(text.lstrip("\ufeff")))
    if not found:
        raise Unreadable(Fault("empty-list"))
    return found


def _from_json(text: str) -> list[Written]:
    try:
        rows = msgspec.json.decode(text.lstrip("\ufeff"), type=list[dict[str, str]])
    except msgspec.ValidationError as fault:
        raise Unreadable(Fault("not-of-form", {"problem": str(fault)})) from None
    except msgspec.DecodeError as fault:
        raise Unreadable(Fault("not-json", {"problem": str(fault)})) from None
    for number, row in enumerate(rows, start=1):
        _check_names(row, COLUMNS, Place("object", number))
    return [_written(Place("object", number), row) for number, row in enumerate(rows, start=1)]


def _from_csv(text: str) -> Iterator[Written]:
    rows = _csv_rows(text)
    line, header = next(rows, (1, []))
    names = [name.strip().lower() for name in header]
    _check_names({name for name in names if name}, (*COLUMNS, *EXPORTED), Place("line", line))
    if missing := [name for name in _NEEDED if name not in names]:
        fault = Fault("no-column", {"columns": ", ".join(missing), "all": ", ".join(COLUMNS)})
        raise Unreadable(fault, Place("line", line))
    for line, cells in rows:
        if any(cells[len(names) :]) or any(
            cells[i] for i, name in enumerate(names[: len(cells)]) if not name
        ):
            # What has no name may be the end of a text that holds the separator.
            raise Unreadable(Fault("too-many-cells"), Place("line", line))
        row = {name: cell for name, cell in zip(names, cells, strict=False) if name}
        if any(row.values()):
            ended = row.get("state") == "ended" or bool(row.get("ended_at"))
            yield _written(Place("line", line), row, exemption_id=row.get("id", ""), ended=ended)


def _written(place: Place, row: Mapping[str, str], *, exemption_id: str = "", ended: bool = False) -> Written:
    return Written(
        place=place,
        id=exemption_id,
        ended=ended,
        user=row.get("user", ""),
        group=row.get("group", ""),
        tenant=row.get("tenant", ""),
        kind=row.get("kind", ""),
        until=row.get("until", ""),
        owner=row.get("owner", ""),
        reason=row.get("reason", ""),
    )


def _csv_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that has cells, with the number of its first line; of cells what a person sees in them."""
    first, _, rest = text.partition("\n")
    before = 0
    if _SEPARATOR.fullmatch(first.rstrip("\r")):
        text, first, before = rest, rest.partition("\n")[0], 1
    # Excel writes semicolons where the decimal sign is a comma, and tabs as "Unicode text".
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    while True:
        line = before + reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as fault:
            raise Unreadable(Fault("not-csv", {"problem": str(fault)}), Place("line", line)) from None
        if row is None:
            return
        if row:
            yield line, [without_apostrophe(cell.strip()) for cell in row]


def _check_names(names: Iterable[str], known: Sequence[str], place: Place) -> None:
    if unknown := sorted(set(names) - set(known)):
        values: dict[str, str | int] = {"columns": ", ".join(unknown), "all": ", ".join(COLUMNS)}
        raise Unreadable(Fault("unknown-column", values), place)


def understood(
    written: Written, users: Mapping[str, tuple[str, ...]], tenant_id: str, now: datetime
) -> Understood:
    """The (tidy) proposal that is meant. `users`: the ids behind each sign-in name that was looked up."""
    given = {name: getattr(written, name) for name in COLUMNS}
    faults = [Fault("not-text", {"name": name}) for name, text in given.items() if not is_text(text)]
    subjects: list[tuple[str, str]] = []
    if user := written.user.strip():
        subjects.append(("user", _user(written, users, faults) or user))
    if group := written.group.strip():
        subjects.append(("group", group))
    if (tenant := written.tenant.strip().lower()) not in _NO:
        subjects.append(("tenant", ""))
        if tenant not in (*_YES, tenant_id):
            faults.append(Fault("other-tenant", {"tenant": tenant}))
    if len(subjects) > 1:
        faults.append(Fault("several-subjects"))
    until = _until(written.until.strip(), now)
    if isinstance(until, Fault):
        faults.append(until)
        until = None
    subject_type, subject_id = subjects[0] if subjects else ("", "")
    proposal = Proposal(
        owner=written.owner,
        reason=written.reason,
        until=until,
        kind=written.kind,
        subject_type=subject_type,
        subject_id=subject_id,
    )
    return Understood(tidy(proposal), tuple(faults))


def as_proposed(one: Exemption) -> Proposal:
    """The proposal as which this comes back from a file that `exception list --csv` wrote."""
    return Proposal(
        owner=one_line(one.owner, LONGEST),
        reason=one_line(one.reason, LONGEST),
        until=end_of_day(one.until),
        kind=one.kind,
        subject_type=one.subject_type,
        subject_id="" if one.subject_type == "tenant" else one.subject_id,
    )


def _user(written: Written, users: Mapping[str, tuple[str, ...]], faults: list[Fault]) -> str:
    name = written.sign_in_name
    if not name:
        return ""
    ids = users.get(name, ())
    if len(ids) == 1:
        return ids[0]
    if not ids:
        faults.append(Fault("unknown-user", {"user": name}))
    else:
        faults.append(Fault("several-users", {"user": name, "ids": ", ".join(ids)}))
    return ""


def _until(text: str, now: datetime) -> datetime | Fault | None:
    """The end of that day, or of the day that so many days lead to; None where nothing is given."""
    if not text:
        return None
    if length := _LENGTH.fullmatch(text.lower()):
        days = int(length[1])
        # Until tonight is agreed by today's date: who counts days means more than what is left of this one.
        return end_of_day(now + timedelta(days=days)) if days else Fault("zero-until", {"until": text})
    days_meant = _days(text)
    if len(days_meant) == 1:
        return end_of_day(utc(days_meant[0].isoformat()))
    if days_meant:
        first, second = (day.isoformat() for day in days_meant)
        return Fault("ambiguous-until", {"until": text, "first": first, "second": second})
    return Fault("bad-until", {"until": text})


def _days(text: str) -> list[date]:
    """The days that may be meant: one as ISO 8601 writes it, two where day and month may be either."""
    if _DAY.fullmatch(text):
        written = [text.split("-")]
    elif local := _LOCAL_DAY.fullmatch(text):
        written = [[local[4], local[3], local[1]], [local[4], local[1], local[3]]]
    else:
        written = []
    found = []
    for year, month, day in written:
        with contextlib.suppress(ValueError):
            found.append(date(int(year), int(month), int(day)))
    return list(dict.fromkeys(found))
