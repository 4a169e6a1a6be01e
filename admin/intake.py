"""Exceptions as people write them: on the command line, in a CSV file, in JSON. Pure."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

import msgspec

from shared.model.base import utc
from shared.notify.proposals import Fault, Proposal, end_of_day

COLUMNS = ("user", "group", "tenant", "kind", "until", "owner", "reason")
"""Of a CSV file, in any order; those of no use may be missing. JSON objects have the same names."""

_NEEDED = ("until", "owner", "reason")
_LENGTH = re.compile(r"(\d{1,4})d")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NO = ("", "no", "false", "0")
_YES = ("yes", "true", "1")


class Unreadable(Exception):
    """The list as a whole can't be understood. `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


class Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exception as somebody wrote it, every part a text. `place`: the line of a CSV file or the number of
    a JSON object, from 1; 0 on the command line."""

    place: int = 0
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


_SAYS_ALREADY = {"bad-until": "no-until", "unknown-user": "no-user-id", "several-users": "no-user-id"}


def listed(text: str) -> list[Written]:
    """The exceptions of a file, CSV with a header or a JSON array. Raises `Unreadable`."""
    found = _from_json(text) if text.lstrip("\ufeff \t\r\n")[:1] in ("[", "{") else _from_csv(text)
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
        _check_columns(row, number)
    return [Written(place=number, **row) for number, row in enumerate(rows, start=1)]


def _from_csv(text: str) -> list[Written]:
    text = text.lstrip("\ufeff")
    first = text.partition("\n")[0]
    # Excel writes semicolons where the decimal sign is a comma.
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ","
    )
    names = [name.strip().lower() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    _check_columns(dict.fromkeys(names, ""), 1)
    if missing := [name for name in _NEEDED if name not in names]:
        raise Unreadable(Fault("no-column", {"columns": ", ".join(missing), "all": ", ".join(COLUMNS)}))
    try:
        return [Written(place=line, **row) for line, row in _rows(reader) if any(row.values())]
    except csv.Error as fault:
        raise Unreadable(Fault("not-csv", {"line": reader.line_num, "problem": str(fault)})) from None


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with the number of its last line."""
    for row in reader:
        if None in row:
            raise Unreadable(Fault("too-many-cells", {"line": reader.line_num}))
        yield reader.line_num, {name: (value or "").strip() for name, value in row.items()}


def _check_columns(row: Mapping[str, str], place: int) -> None:
    if unknown := sorted(row.keys() - set(COLUMNS)):
        values: dict[str, str | int] = {"n": place, "columns": ", ".join(unknown), "all": ", ".join(COLUMNS)}
        raise Unreadable(Fault("unknown-column", values))


def understood(
    written: Written, users: Mapping[str, tuple[str, ...]], tenant_id: str, now: datetime
) -> Understood:
    """The proposal that is meant. `users`: the ids behind each sign-in name that was looked up."""
    faults: list[Fault] = []
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
    if until is None and written.until.strip():
        faults.append(Fault("bad-until", {"until": written.until}))
    subject_type, subject_id = subjects[0] if subjects else ("", "")
    proposal = Proposal(
        owner=written.owner,
        reason=written.reason,
        until=until,
        kind=written.kind,
        subject_type=subject_type,
        subject_id=subject_id,
    )
    return Understood(proposal, tuple(faults))


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


def _until(text: str, now: datetime) -> datetime | None:
    """The end of that day, or of the day that so many days lead to; None for anything else."""
    if length := _LENGTH.fullmatch(text.lower()):
        return end_of_day(now + timedelta(days=int(length[1])))
    if not _DAY.fullmatch(text):
        return None
    try:
        return end_of_day(utc(date.fromisoformat(text).isoformat()))
    except ValueError:
        return None
