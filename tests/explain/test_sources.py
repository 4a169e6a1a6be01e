"""The same user explained live, by the ledger and by what the watch stored: they say what the watch says."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from admin.explain import as_recorded
from shared.archive.snapshots import stored
from shared.audit.person import read_person
from shared.explain.proof import LEDGER, LIVE, Proof
from shared.explain.proving import proof_of
from shared.explain.recorded import LACKS, proof_of_record
from shared.explain.wording import as_text, worded
from shared.graph.errors import Forbidden
from shared.ledger.records import UserRecord
from shared.ledger.shards import shard_names
from shared.rules.loader import load_rules
from shared.texts.catalogue import catalogue, languages
from tests.admin.shell import Answer, Shell
from tests.audit.people import EVERYTHING, Person, install_az, session_of
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, Worker

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

RULES = load_rules()


async def typed(shell: Shell, *arguments: str, **environ: Any) -> Answer:
    """A command in a process of its own, while the simulated tenant goes on answering."""
    return await asyncio.to_thread(lambda: shell.run(*arguments, **environ))


async def records(worker: Worker) -> dict[str, UserRecord]:
    """Everybody in the ledger."""
    found: dict[str, UserRecord] = {}
    for name in shard_names(worker.manifest.shards):
        found |= (await worker.ledger.read_shard(name)).record.users
    return found


async def live(worker: Worker, scene: Scene, named: str, scopes: tuple[str, ...]) -> Proof | None:
    """The proof that a person with these permissions gets."""
    policy = worker.settings.policy
    session = session_of(scene.running, Person(scene.running, scopes))
    try:
        person = await read_person(session, policy, named)
    finally:
        await session.aclose()
    if person is None:
        return None
    return proof_of(person.user, person.standing, person.facts, RULES, policy, person.at, source=LIVE)


@pytest.mark.parametrize("scope", ["auto", "groups"])
async def test_users_of_every_state_are_explained_as_the_watch_judged_them(
    open_scene: Opener, scope: str
) -> None:
    scene = await open_scene(60)
    settings = {"SSPR_SCOPE": "auto"}
    if scope == "groups":
        cast = scene.world.cast
        groups = {"SSPR_SCOPE": f"groups:{cast['group_sspr']}", "EMERGENCY_GROUP": cast["group_emergency"]}
        settings = {**groups, "POPULATION": "used"}
        await scene.control.self_service_reset(next(iter(scene.world.users)), ago=3600.0)
        # The log of who resets asks for more than the watch usually has.
        scene.world.roles |= {"Directory.Read.All"}
    worker = await scene.restarted(**settings)
    assert await scene.control.settle()
    await scene.begin(report=True)
    facts = await worker.facts()
    # One of each state: the reports answer five requests in ten seconds, and with `used` each takes two.
    chosen = {record.verdict.state: record for record in (await records(worker)).values()}
    for record in list(chosen.values())[: 4 if scope == "auto" else 2]:
        proof = await live(worker, scene, record.id, (*EVERYTHING, "Directory.Read.All"))
        assert proof is not None
        assert msgspec.structs.replace(proof.editions[0].verdict, holdings=()) == record.verdict
        assert {one.edition: one.verdict.state for one in proof.editions[1:]} == record.others
        kept = proof_of_record(as_recorded(record), facts, RULES)
        assert kept.editions[0].verdict == record.verdict
        assert kept.editions[0].edition == worker.settings.policy.edition
        assert kept.differing == proof.differing
        for language in languages():
            assert worded(kept, RULES, catalogue(language))
    assert len(chosen) > 1


async def test_a_user_is_found_by_sign_in_name_and_a_stranger_is_not(scene: Scene) -> None:
    worker = await scene.ready()
    user = next(iter(scene.world.users.values()))
    proof = await live(worker, scene, user.upn, EVERYTHING)
    assert proof is not None
    assert proof.account.id == user.id
    assert await live(worker, scene, "nobody@contoso.example", EVERYTHING) is None
    assert await live(worker, scene, "nobody/../delta@contoso.example", EVERYTHING) is None


async def test_without_permission_for_products_nothing_is_explained(scene: Scene) -> None:
    worker = await scene.ready()
    user_id = next(iter(scene.world.users))
    with pytest.raises(Forbidden):
        await live(worker, scene, user_id, ("User.Read.All",))


async def test_what_may_not_be_read_besides_is_evidence_that_is_missing(scene: Scene) -> None:
    worker = await scene.ready()
    user_id = next(iter(scene.world.users))
    proof = await live(worker, scene, user_id, ("User.Read.All", "Organization.Read.All"))
    assert proof is not None
    read = {one.name: one for one in proof.facts}
    assert (read["registration"].status, read["registration"].read_at) == ("forbidden", None)
    texts = catalogue("en")
    assert texts.text("explain", "forbidden") in as_text(worded(proof, RULES, texts), 200)


async def test_the_command_reads_the_tenant_as_whoever_is_signed_in(scene: Scene, tmp_path: Path) -> None:
    user = next(iter(scene.world.users.values()))
    az = install_az(tmp_path / "bin", scene.running)
    environ = {"TENANT_ID": "", "GRAPH_BASE_URL": scene.running.graph_url, "PATH": str(az)}
    shell = Shell("")
    answer = await typed(shell, "explain", user.upn, "--json", **environ)
    assert answer.err == ""
    proof = json.loads(answer.out)
    assert (proof["source"], proof["account"]["id"]) == (LIVE, user.id)
    states = {"covered": 0, "not-in-reach": 0, "undetermined": 4}
    assert answer.code == states.get(proof["editions"][0]["verdict"]["state"], 3)
    missing = await typed(shell, "explain", "nobody@contoso.example", **environ)
    assert (missing.code, missing.out) == (2, "")
    assert missing.err.startswith("There is no user nobody@contoso.example in the tenant.")
    elsewhere = {**environ, "TENANT_ID": "00000000-0000-0000-0000-0000000000aa"}
    refused = await typed(shell, "explain", user.upn, **elsewhere)
    assert (refused.code, refused.out) == (2, "")
    assert scene.world.organization.id in refused.err


async def test_the_command_says_what_the_ledger_has_and_what_it_has_not(
    scene: Scene, storage_account: str
) -> None:
    await scene.begin(report=True)
    shell = Shell(storage_account)
    shell.environ["TENANT_ID"] = scene.world.organization.id
    for record in list((await records(scene.watch)).values())[:2]:
        answer = await typed(shell, "explain", record.upn, "--ledger", "--json")
        proof = json.loads(answer.out)
        assert (proof["source"], proof["account"]["id"]) == (LEDGER, record.id)
        assert proof["editions"][0]["verdict"]["state"] == record.verdict.state
        assert proof["lacks"] == list(LACKS)
        answer = await typed(shell, "explain", record.id, "--ledger")
        assert "As the watch's ledger has it." in answer.out
        assert "What would change it" not in answer.out
    answer = await typed(shell, "explain", "nobody@contoso.example", "--ledger")
    assert (answer.code, answer.out) == (2, "")
    assert "in the watch's ledger" in answer.err


async def test_the_snapshot_that_the_watch_kept_of_a_day_is_judged_again(
    scene: Scene, storage_account: str
) -> None:
    await scene.begin(report=True)
    shell = Shell(storage_account)
    shell.environ["TENANT_ID"] = scene.world.organization.id
    [one] = await stored(scene.watch.storage.evidence, scene.world.organization.id)
    answer = await typed(shell, "replay", "--date", one.day.isoformat(), "--json")
    assert (answer.code, answer.err) == (0, "")
    result = json.loads(answer.out)
    assert (result["unchanged"], result["replayed"]["users"]) == (True, one.users)
    other = await typed(shell, "replay", "--date", "2001-01-01")
    assert (other.code, other.out) == (2, "")
    assert one.day.isoformat() in other.err
    wrong = await typed(shell, "replay", "--date", "yesterday")
    assert (wrong.code, wrong.out) == (2, "")
    assert "'yesterday' is no date." in wrong.err
