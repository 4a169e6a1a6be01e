"""`explain USER`: the verdict on one user as a short proof, by Graph, a snapshot or the ledger."""

import shutil
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from admin.connection import Desk, WrongInput, run
from admin.endings import DONE, FOUND, NOT_KNOWN, TROUBLE, WRONG, told
from admin.keys import pseudonyms_of
from admin.people import by_sign_in_name, no_such_user
from admin.saved import offline, snapshot
from admin.tenants import expect
from admin.words import said, say, texts
from shared.explain.proof import SNAPSHOT, Proof
from shared.explain.proving import proof_of
from shared.explain.recorded import Recorded, proof_of_record
from shared.explain.wording import HEADING, QUIET, TITLE, WIDTH, shown, worded
from shared.guids import as_guid
from shared.ledger.manifest import TENANT, Paths
from shared.ledger.records import Shard, TenantRecord, UserRecord
from shared.ledger.shards import decode, shard_of
from shared.model import State
from shared.rules.loader import Rules, load_rules
from shared.settings import SettingsError
from shared.snapshot.lines import Head, Reading
from shared.snapshot.pseudonyms import Pseudonyms

_NARROWEST = 40
_NAMED = 5
"""So many ids of users with one name are listed."""

_COLOURS = {
    "covered": "green",
    "not-in-reach": "green",
    "uncovered": "red",
    "writeback-uncovered": "red",
    "undetermined": "yellow",
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed. With neither `ledger` nor `snapshot` the tenant is read now."""

    user: str
    ledger: bool = False
    snapshot: Path | None = None
    key: Path | None = None
    device_code: bool = False
    as_json: bool = False
    settings: Path | None = None


def explain(asked: Asked) -> int:
    """Do it; the exit status. What went wrong is on standard error, as a sentence."""
    if fault := _contradiction(asked):
        return told(WRONG, _fault(fault))
    if asked.ledger:
        return _of_ledger(asked)
    file = asked.snapshot
    if file is not None:
        return offline(lambda: _tell(from_snapshot(file, asked.user, asked.key), asked))
    return _of_tenant(asked)


def _contradiction(asked: Asked) -> str:
    if not asked.user.strip():
        return "nobody-named"
    if asked.ledger and asked.snapshot is not None:
        return "several-sources"
    if asked.key is not None and asked.snapshot is None:
        return "key-without-snapshot"
    if asked.device_code and (asked.ledger or asked.snapshot is not None):
        return "code-without-tenant"
    return ""


def _of_ledger(asked: Asked) -> int:
    status = 0

    async def work(desk: Desk) -> None:
        nonlocal status
        status = _tell(await from_ledger(desk, asked.user), asked)

    return run(work, asked.settings) or status


def _of_tenant(asked: Asked) -> int:
    # msgraph takes seconds to load, and only this source needs it.
    from admin.explain_live import GraphTrouble, from_tenant

    def work() -> int:
        try:
            return _tell(from_tenant(asked.user, asked.settings, device_code=asked.device_code), asked)
        except SettingsError as problem:
            return told(WRONG, say("settings", n=len(problem.faults)), *problem.faults)
        except GraphTrouble as problem:
            return told(TROUBLE, str(problem))

    return offline(work)


def _tell(proof: Proof, asked: Asked) -> int:
    return tell(proof, load_rules(), as_json=asked.as_json)


def tell(proof: Proof, rules: Rules, *, as_json: bool) -> int:
    """Print the proof; the exit status by its state."""
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(proof), indent=2).decode())
    else:
        _print(proof, rules)
    return exit_status(proof.state)


def exit_status(state: State) -> int:
    """For scripts: covered or not in reach is done, uncovered (also for writeback) is found."""
    if state in (State.COVERED, State.NOT_IN_REACH):
        return DONE
    return NOT_KNOWN if state is State.UNDETERMINED else FOUND


def _print(proof: Proof, rules: Rules) -> None:
    """As wide as the terminal, at most 80 columns; colour only there."""
    width = min(WIDTH, max(_NARROWEST, shutil.get_terminal_size((WIDTH, 0)).columns))
    console = Console(file=sys.stdout, width=width, highlight=False, emoji=False, markup=False)
    for line, text in shown(worded(proof, rules, texts()), width):
        weight = {TITLE: "bold", HEADING: "bold", QUIET: "dim"}.get(line.style, "")
        style = f"{weight} {_COLOURS.get(line.state, '')}".strip()
        console.print(Text(text, style=style), soft_wrap=True)


# --- from a snapshot ---------------------------------------------------------------------------------------


def from_snapshot(path: Path, user: str, key: Path | None) -> Proof:
    """The proof by a saved reading; the whole of it is read, so a file that was cut proves nothing.

    Raises `WrongInput`.
    """
    wanted = user.strip()
    named: dict[str, tuple[Head, Reading]] = {}
    head: Head | None = None
    hidden = pseudonyms_of(key) if key else None
    meant = _as_written(wanted, None)
    with snapshot(path) as saved:
        for line in saved.lines():
            if isinstance(line, Head):
                head = line
                meant = _as_written(wanted, _fitting(head, hidden, key))
            elif isinstance(line, Reading) and head is not None and _is(line, meant):
                named[line.user.id] = (head, line)
    if not named and head is not None and head.key_check and hidden is None:
        raise WrongInput(_fault("no-key"))
    head, line = named[_only(user, str(path), sorted(named))]
    rules = load_rules()
    if head.policy.edition not in rules.editions:
        raise WrongInput(
            _fault("unknown-edition", edition=head.policy.edition, editions=", ".join(sorted(rules.editions)))
        )
    return proof_of(line.user, line.standing, head.facts, rules, head.policy, line.at, source=SNAPSHOT)


def _fitting(head: Head, hidden: Pseudonyms | None, file: Path | None) -> Pseudonyms | None:
    """The pseudonyms that this section was written with. Raises `WrongInput`."""
    if hidden is None:
        return None
    if not head.key_check:
        raise WrongInput(_fault("not-pseudonymised"))
    if hidden.check != head.key_check:
        raise WrongInput(_fault("other-key", file=str(file)))
    return hidden


def _as_written(user: str, hidden: Pseudonyms | None) -> set[str]:
    """The id and the sign-in name, as the snapshot would have them; what it has already is taken as well."""
    typed = {user.casefold()}
    return typed | {hidden.object_id(user), hidden.sign_in_name(user).casefold()} if hidden else typed


def _is(line: Reading, meant: set[str]) -> bool:
    return line.user.id.casefold() in meant or (line.user.user_principal_name or "").casefold() in meant


def _only(user: str, place: str, found: list[str]) -> str:
    """The one id. Raises `WrongInput` where there is none, or several."""
    if not found:
        raise WrongInput(no_such_user(user, place))
    if len(found) > 1:
        raise WrongInput(_fault("several-users", user=user, place=place, ids=", ".join(found[:_NAMED])))
    return found[0]


# --- from the ledger ---------------------------------------------------------------------------------------


async def from_ledger(desk: Desk, user: str) -> Proof:
    """The proof as far as the ledger's record of the user goes. Raises `WrongInput`.

    Shards are read as they lie: a room of the ledger would publish what their outbox holds.
    """
    await expect(desk, may_begin=False)
    place = said("explain", "places", "ledger")
    wanted = user.strip()
    user_id = as_guid(wanted)
    if user_id is None:
        found = await by_sign_in_name(desk, [wanted])
        user_id = _only(user, place, list(found[wanted]))
    manifest = await desk.manifest()
    if manifest is None:
        raise WrongInput(no_such_user(user, place))
    paths = Paths(manifest)
    path = paths.book(shard_of(user_id, manifest.shards))
    stored = await desk.storage.ledger.read(path)
    record = decode(stored.data, Shard, path).users.get(user_id) if stored else None
    if record is None or record.gone_at is not None:
        raise WrongInput(no_such_user(user, place))
    path = paths.book(TENANT)
    stored = await desk.storage.ledger.read(path)
    facts = decode(stored.data, TenantRecord, path).facts if stored else None
    if facts is None:
        raise WrongInput(_fault("no-facts"))
    return proof_of_record(as_recorded(record), facts, desk.rules)


def as_recorded(record: UserRecord) -> Recorded:
    """What of a record a proof is made of."""
    return Recorded(
        id=record.id,
        upn=record.upn,
        name=record.name,
        synced=record.synced,
        skus=record.skus,
        verdict=record.verdict,
        others=record.others,
        observed_at=record.observed_at,
    )


def _fault(code: str, **values: str | int) -> str:
    return said("explain", "faults", code, **values)
