"""The commands on exceptions: agree, list, end, import. Each is given a `Desk` and the time."""

import codecs
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from admin.connection import Desk, WrongInput, wrong
from admin.intake import Place, Unreadable, Written, as_proposed, listed, understood
from admin.people import by_sign_in_name, groups_of, people
from admin.showing import IN_FORCE, Shown, as_csv, as_json, print_list
from admin.tenants import expect
from admin.words import fault, say, texts
from shared.notify.exceptions import agreed
from shared.notify.exceptions.agreed import Agreed, Refused
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.exceptions.proposals import Fault, faults_of_all

TABLE, JSON, CSV = "table", "json", "csv"


async def add(desk: Desk, written: Sequence[Written], now: datetime) -> None:
    """Agree these, all or none, and say what was agreed. Raises `WrongInput` with every fault of each.

    Also before the first reading of the tenant, which may be the time to say what nobody need be told of.
    """
    begun = await expect(desk, may_begin=True)
    so_far = await agreed.recall(desk.storage.ledger, desk.tenant_id)
    names = {one.sign_in_name for one in written} - {""}
    users = await by_sign_in_name(desk, names)
    meant = [understood(one, users, desk.tenant_id, now) for one in written]
    found = faults_of_all([one.proposal for one in meant], so_far, desk.rules.kinds, now)
    _refuse(written, [one.together(faults) for one, faults in zip(meant, found, strict=True)])
    try:
        proposals = [one.proposal for one in meant]
        made = await agreed.add(desk.storage.ledger, desk.tenant_id, proposals, desk.rules.kinds, now)
    except Refused as refused:
        # Somebody else has agreed the same in between.
        _refuse(written, refused.faults)
        raise
    await _say_agreed(desk, made, now)
    if not begun:
        print(say("not_begun", tenant=desk.tenant_id))


async def take_in(desk: Desk, text: str, now: datetime) -> None:
    """Agree all of a list, or none of it. Raises `WrongInput`."""
    try:
        written = listed(text)
    except Unreadable as problem:
        raise WrongInput(_at(problem.place, problem.fault)) from None
    await expect(desk, may_begin=True)
    so_far = {one.id: one for one in await agreed.recall(desk.storage.ledger, desk.tenant_id)}
    left_out = {one: why for one in written if (why := _left_out(one, so_far.get(one.id), desk, now))}
    if chosen := [one for one in written if one not in left_out]:
        await add(desk, chosen, now)
    for one, why in left_out.items():
        print(f"{_shown(one.place)}: {say('left_out', why, id=one.id)}")


def _left_out(one: Written, before: Exemption | None, desk: Desk, now: datetime) -> str:
    """Why a row that `exception list --csv` wrote asks for nothing; empty if it asks for something."""
    if one.ended:
        return "ended"
    if before is None or not before.holds(now):
        return ""
    asked = understood(one, {}, desk.tenant_id, now)
    alike = not asked.faults and asked.proposal == as_proposed(before)
    return "unchanged" if alike else ""


async def end(desk: Desk, exemption_id: str, now: datetime) -> None:
    """End one at once. Raises `WrongInput`."""
    await _recalled(desk)
    try:
        ended = await agreed.end(desk.storage.ledger, desk.tenant_id, exemption_id.strip().lower(), now)
    except Refused as refused:
        raise wrong(*(one for faults in refused.faults for one in faults)) from None
    [shown] = await _named(desk, (ended,), now)
    print(say("ended", id=ended.id, subject=shown.subject, kind=shown.kind))


async def show(desk: Desk, form: str, now: datetime, *, ended: bool) -> None:
    """List those in force, with `ended` also those that ended within a year; the first to end comes first."""
    chosen = [one for one in await _recalled(desk) if ended or one.holds(now)]
    chosen.sort(key=lambda one: (not one.holds(now), one.end, one.id))
    rows = await _named(desk, chosen, now)
    if form == JSON:
        print(as_json(rows))
    elif form == CSV:
        sys.stdout.buffer.write(as_csv(rows).encode())
    elif rows:
        print_list(rows)
        for one in rows:
            if one.most and one.state_code == IN_FORCE:
                print(_most_users(one))
    else:
        print(say("none"))


async def _recalled(desk: Desk) -> tuple[Exemption, ...]:
    """What was agreed. Raises `WrongInput` where nobody has ever agreed or read anything of this tenant."""
    recalled = await agreed.recall(desk.storage.ledger, desk.tenant_id)
    await expect(desk, may_begin=bool(recalled))
    return recalled


def read(file: Path) -> str:
    """The text of a file, `-` being standard input. Raises `WrongInput`."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        # Excel's "Unicode text".
        return data.decode("utf-16" if data.startswith(codecs.BOM_UTF16_LE) else "utf-8-sig")
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise wrong(Fault("no-file", {"file": str(file), "problem": reason})) from None
    except UnicodeDecodeError:
        raise wrong(Fault("not-utf8", {"file": str(file)})) from None


def _refuse(written: Sequence[Written], faults: Sequence[Sequence[Fault]]) -> None:
    """Raise `WrongInput` if there is any fault, each with its place in the list."""
    lines = [
        _at(one.place, _with_place(each, written))
        for one, own in zip(written, faults, strict=True)
        for each in own
    ]
    if lines and written[0].place:
        raise WrongInput(*lines, say("nothing_imported", n=len(lines)))
    if lines:
        raise WrongInput(*lines)


def _at(place: Place | None, one: Fault) -> str:
    if place is None:
        return fault(one)
    return f"{_shown(place)}: {fault(one, in_list=True)}"


def _with_place(one: Fault, written: Sequence[Written]) -> Fault:
    """The proposal that it names by number, named by its place in the list."""
    if one.code != "named-twice":
        return one
    before = written[int(one.values["n"]) - 1].place
    return Fault(one.code, {"place": _shown(before)})


def _shown(place: Place | None) -> str:
    return say("place", place.unit, n=place.number) if place else ""


async def _say_agreed(desk: Desk, made: Sequence[Agreed], now: datetime) -> None:
    rows = await _named(desk, [one.exemption for one in made], now)
    known = await people(desk, [one.subject_id for one in rows if one.subject_type == "user"])
    for one, shown in zip(made, rows, strict=True):
        until = texts().day(one.exemption.until.astimezone(UTC))
        print(say("agreed", id=shown.id, subject=shown.subject, kind=shown.kind, until=until))
        for replaced in one.replaces:
            print(say("replaces", id=replaced))
        if shown.subject_type == "user" and shown.subject_id not in known:
            print(say("unknown_yet", id=shown.subject_id))
        if shown.most:
            print(_most_users(shown))
        elif shown.users is not None and shown.everybody is not None:
            number = texts().number
            print(say("group_counted", n=number(shown.users), all=number(shown.everybody)))
        elif shown.subject_type == "group":
            print(say("group_read"))


def _most_users(one: Shown) -> str:
    number = texts().number
    return say("most_users", id=one.id, n=number(one.users or 0), all=number(one.everybody or 0))


async def _named(desk: Desk, exemptions: Sequence[Exemption], now: datetime) -> list[Shown]:
    """As they are shown, with the names that the ledger has."""
    users = await people(desk, {one.subject_id for one in exemptions if one.subject_type == "user"})
    groups = await groups_of(desk, {one.subject_id for one in exemptions if one.subject_type == "group"})
    return [Shown.of(one, users, groups, desk.rules.kinds.get(one.kind), now) for one in exemptions]


def on_command_line(
    *, user: str, group: str, tenant: bool, kind: str, until: str, owner: str, reason: str
) -> list[Written]:
    """One exception as the options give it."""
    tenant_word = "yes" if tenant else ""
    return [
        Written(
            user=user, group=group, tenant=tenant_word, kind=kind, until=until, owner=owner, reason=reason
        )
    ]
