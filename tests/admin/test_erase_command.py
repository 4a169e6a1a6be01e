"""`erase`: the name of somebody who is gone leaves everything that is kept, and nothing else changes."""

import gzip
from io import BytesIO
from pathlib import Path

import msgspec
import pytest

from shared.archive import snapshots as archive
from shared.archive.erasing import ERASED, nameless, without_names
from shared.ledger.ledger import Ledger
from shared.ledger.shards import shard_of
from shared.model import Identity, User
from shared.rules.loader import load_rules
from shared.snapshot.file import read
from shared.snapshot.judging import Comparison, rejudged
from shared.snapshot.lines import Reading
from shared.storage import Storage
from shared.texts.catalogue import catalogue
from tests.admin.shell import PEOPLE, Shell, begin
from tests.admin.test_snapshot_commands import AT, FIRST, SECOND, kept, part_of
from tests.ledger.readings import TENANT_ID, absence, after, user_id

ADA, GRACE = user_id(1), user_id(2)


async def gone(storage: Storage, number: int) -> None:
    """The watch finds that this user is not there any more."""
    ledger = Ledger(storage, TENANT_ID, load_rules(), now=lambda: after(0))
    manifest = await ledger.manifest()
    assert manifest
    shard = shard_of(user_id(number), manifest.shards)
    await ledger.commit_users(shard, [], after(900), absences=[absence(number, seen=800)])


async def everything(storage: Storage) -> dict[str, bytes]:
    """Every blob, unpacked as far as it is packed."""
    found = {}
    for container in (storage.ledger, storage.evidence, storage.alerts):
        async for listed in container.names(""):
            if stored := await container.read(listed.name):
                packed = stored.data[:2] == b"\x1f\x8b"
                found[listed.name] = gzip.decompress(stored.data) if packed else stored.data
    return found


@pytest.fixture
def filled(storage_account: str) -> Shell:
    """A ledger that knows five people, two snapshots of four of them, and an exception each for two."""
    shell = Shell(storage_account)
    shell.with_storage(lambda storage: begin(storage, PEOPLE))
    shell.with_storage(lambda storage: kept(storage, AT, FIRST))
    shell.with_storage(lambda storage: kept(storage, AT.replace(day=21), SECOND))
    shell.agree("--user", ADA)
    shell.agree("--user", GRACE)
    return shell


@pytest.mark.real
@pytest.mark.timeout(180)
def test_the_name_leaves_everything_and_nobody_elses_does(filled: Shell) -> None:
    filled.with_storage(lambda storage: gone(storage, 1))
    before = filled.with_storage(everything)
    assert sum(b"Ada Lovelace" in data for data in before.values()) == 3
    planned = filled.run("erase", ADA)
    assert (planned.code, planned.err) == (0, "")
    assert planned.out.splitlines()[-1] == "Nothing was changed. Add --yes to do it."
    assert filled.with_storage(everything) == before
    done = filled.run("erase", ADA.upper(), "--yes")
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == len(planned.out.splitlines()) - 1 == 4
    now = filled.with_storage(everything)
    assert not any(b"Ada" in data or b"ada@" in data for data in now.values())
    assert now.keys() == before.keys()
    for name, data in now.items():
        assert data.count(b"Grace Hopper") == before[name].count(b"Grace Hopper")
    assert [one.subject_id for one in filled.stored()] == [GRACE]
    again = filled.run("erase", ADA, "--yes")
    assert (again.code, again.out) == (0, f"Nothing that the watch keeps names user {ADA}.\n")
    assert filled.with_storage(everything) == now


@pytest.mark.real
@pytest.mark.timeout(180)
def test_a_snapshot_is_whole_and_its_verdicts_are_those_of_before(filled: Shell, tmp_path: Path) -> None:
    filled.with_storage(lambda storage: gone(storage, 1))
    assert filled.run("erase", ADA, "--yes").code == 0
    answer = filled.run("snapshot", "get", "latest", "--out", "one.ndjson.gz", cwd=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    with (tmp_path / "one.ndjson.gz").open("rb") as file:
        found = list(rejudged(read(file), load_rules()))
    sections = [one for one in found if isinstance(one, Comparison)]
    assert len(found) - len(sections) == 4
    assert all(one.same for one in sections)


@pytest.mark.real
@pytest.mark.timeout(180)
def test_whoever_is_still_there_is_refused_and_nothing_changes(filled: Shell) -> None:
    before = filled.with_storage(everything)
    answer = filled.run("erase", ADA, "--yes")
    assert (answer.code, answer.out) == (2, "")
    assert "is in the directory" in answer.err
    assert filled.with_storage(everything) == before


@pytest.mark.real
@pytest.mark.timeout(180)
def test_of_somebody_whom_the_ledger_has_forgotten_snapshots_are_still_cleaned(storage_account: str) -> None:
    shell = Shell(storage_account)
    shell.with_storage(lambda storage: begin(storage, {2: PEOPLE[2]}))
    shell.with_storage(lambda storage: kept(storage, AT, FIRST))
    assert shell.run("erase", ADA, "--yes").code == 0
    assert not any(b"Ada" in data for data in shell.with_storage(everything).values())


@pytest.mark.real
@pytest.mark.timeout(180)
def test_a_name_is_no_object_id(storage_account: str) -> None:
    answer = Shell(storage_account).run("erase", "ada@contoso.example", "--yes")
    assert (answer.code, answer.out) == (2, "")
    assert "no object id" in answer.err


@pytest.mark.real
@pytest.mark.timeout(180)
def test_a_snapshot_with_pseudonyms_is_left_as_it_is(storage_account: str) -> None:
    shell = Shell(storage_account)
    shell.with_storage(lambda storage: begin(storage, {2: PEOPLE[2]}))
    place = archive.folder(TENANT_ID, AT, FIRST)

    async def write(storage: Storage) -> None:
        part, data = part_of(0, AT)
        await archive.write_part(
            storage.evidence, place, msgspec.structs.replace(part, key_check="k" * 32), data
        )

    shell.with_storage(write)
    assert "Nothing" in shell.run("erase", ADA, "--yes").out


def test_a_part_that_names_nobody_of_that_id_is_left_alone() -> None:
    _, data = part_of(0, AT)
    assert without_names(data, user_id(9)) is None
    nobody = without_names(data, ADA)
    assert nobody is not None
    assert without_names(nobody, ADA) is None
    readings = [line for line in read(BytesIO(nobody)) if isinstance(line, Reading)]
    assert [one.user.display_name for one in readings] == [ERASED, "Grace Hopper"]


def test_what_reach_rests_on_stays() -> None:
    user = User(
        id=ADA,
        user_principal_name="ada_other.example#EXT#@contoso.example",
        display_name="Ada Lovelace",
        identities=(Identity(sign_in_type="federated", issuer="other.example", issuer_assigned_id="ada"),),
    )
    after_it = nameless(user)
    assert after_it.user_principal_name == "erased@contoso.example"
    assert [one.issuer for one in after_it.identities] == ["other.example"]
    assert "ada" not in repr(after_it).replace(ADA, "").casefold()
    assert nameless(User(id=ADA)) == User(id=ADA)


@pytest.mark.real
@pytest.mark.timeout(120)
@pytest.mark.parametrize("language", ["en", "nl"])
def test_whoever_asks_for_an_erased_id_is_not_told_to_name_the_id(filled: Shell, language: str) -> None:
    filled.with_storage(lambda storage: gone(storage, 1))
    assert filled.run("erase", ADA, "--yes").code == 0
    fill = catalogue(language).text
    for user, code in ((ADA, "no-such-id"), ("ada@contoso.example", "no-user")):
        asked = filled.run("explain", user, "--ledger", WATCH_LANGUAGE=language)
        assert (asked.code, asked.out) == (2, "")
        place = fill("explain", "places", "ledger")
        assert asked.err == fill("explain", "faults", code, user=user, place=place) + "\n"
