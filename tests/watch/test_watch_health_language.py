"""Health speaks the language that is set: its problems, its notes, and what is known of each."""

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.graph.faults import Fault
from shared.graph.errors import Forbidden, Unavailable
from shared.graph.subscription_plan import Failed, Reason, Record
from shared.ledger.records import TenantRecord
from shared.model import Evidence, EvidenceStatus, TenantFacts
from shared.notify import notifier
from shared.settings import load
from shared.texts.catalogue import DEFAULT, FOLDER, Catalogue, catalogue
from shared.watch import details, unwell
from shared.watch.details import Detail, detail, noted
from shared.watch.hearing import subscriptions
from shared.watch.hearing.calls import Sums
from shared.watch.messages import Seen
from shared.watch.subscription_memory import Held, Kept, Refused
from shared.watch.users.delta_state import Delta
from shared.watch.wellbeing import health
from shared.watch.wellbeing import health_lines as lines
from shared.watch.wellbeing.overdue import SelfLook, Traces
from tests.settings.good_settings import GOOD
from tests.texts.comparing import from_elsewhere, marked
from tests.texts.test_languages import REMNANT
from tests.watch.scene import Scene

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SHARED = Path(__file__).resolve().parents[2] / "shared"
DUTCH = marked(Path(FOLDER) / "nl.toml")
"""Whatever stands outside marks was not translated."""

ROTATING = load({**GOOD, "CLIENT_STATE_PREVIOUS": "the-previous-secret-of-these-tests-01234"})
CODES = ("UTC", "users", "groups", "Forbidden", "Unavailable", "Some.Read.All", "skus", "CLIENT_STATE")
"""What a sentence shows as it is: resources, permissions, kinds of errors."""


# --- details ----------------------------------------------------------------------------------------------


def coded() -> set[str]:
    """The codes of details that the product notes."""
    found = {"empty", "failed"}  # noted by the bare code
    for path in sorted((SHARED / "watch").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "detail",
                "Detail",
                "details.detail",
            ):
                found |= _constants(node.args[0], tree)
    return found


def _constants(node: ast.expr, tree: ast.Module) -> set[str]:
    """The texts that an expression can be: itself, one of two, or what a variable `code` is given."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.IfExp):
        return _constants(node.body, tree) | _constants(node.orelse, tree)
    name = ast.unparse(node)
    given = [one.value for one in ast.walk(tree) if isinstance(one, ast.Assign) and _gives(one, name)]
    return set().union(*(_constants(one, tree) for one in given if isinstance(one, ast.IfExp)))


def _gives(node: ast.Assign, name: str) -> bool:
    return [ast.unparse(one) for one in node.targets] == [name]


def test_every_detail_has_words_in_every_language_and_no_words_are_left_over(texts: Catalogue) -> None:
    assert texts.codes("health", "details") == coded()


def test_a_detail_is_noted_and_read_again_as_it_was() -> None:
    several = [Detail("gone-since", {"name": "users", "at": "then"}), Detail("gone", {"name": "groups"})]
    assert list(details.read(noted(several))) == several
    assert (noted([]), detail("never-read")) == ("", "never-read")
    assert details.in_words(noted(several), catalogue("nl")) == "users sinds then, groups"


@pytest.mark.parametrize(
    "line", ["", "11, 22", "Forbidden 403", "[", '{"a": 1}', '[["unknown-to-this-release",{}]]', "[1]"]
)
def test_what_is_no_detail_that_is_known_stands_as_it_is(line: str, texts: Catalogue) -> None:
    assert details.in_words(line, texts) == line


def test_what_is_known_of_a_fault_is_worded_behind_its_sentences_with_or_without_a_cause() -> None:
    at_step = detail("at-step", step=7, fault="Forbidden 403")
    for line in (at_step, f"permission: {at_step}"):
        [said] = unwell.in_words({"sweep": line}, catalogue("nl"))
        assert said.endswith(". (stap 7: Forbidden 403)")
    assert unwell.in_words({"facts-overdue": detail("never-read")}, catalogue())[0].endswith("(never read)")


# --- sentences ----------------------------------------------------------------------------------------------


def said_by_health(texts: Catalogue) -> list[str]:
    """Everything that the pure part of health can say."""
    forbidden = Evidence(status=EvidenceStatus.FORBIDDEN, permission="Some.Read.All")
    facts = TenantFacts(tenant_id="t", observed_at=NOW, evidence={"skus": forbidden})
    record = TenantRecord(name="tenant", facts=facts, baseline_ended_at=NOW - 2 * DAY)
    user = Record(id="1", resource="users", fingerprint="f", renewed_at=NOW, expires_at=NOW + DAY)
    kept = Kept(
        at=NOW,
        records=(user,),
        failed=(
            Failed(about="users", kind="Forbidden", status=403, request_id="1"),
            Failed(about="list", kind="Unavailable"),
            Failed(about="users", ids=("1",)),
            Failed(about="groups"),
        ),
        caught_up={"users": NOW - DAY},
        others=("1",),
    )
    refused = Refused(permission="Some.Read.All", since=NOW, tried_at=NOW)
    held = Held(reason=Reason.PERMISSION, since=NOW)
    forgone = Kept(at=NOW, records=(user,), refused={"groups": refused}, troubles={"groups": held})
    silent = Delta(lost_at=NOW, unheard=1, unheard_since=NOW)
    secrets = [
        lines.previous_secret(ROTATING, one, sums, NOW, texts)
        for one, sums in (
            (None, None),
            (Kept(at=NOW, records=(user,), listed_at=NOW), None),
            (Kept(at=NOW, listed_at=NOW), None),
            (Kept(at=NOW, listed_at=NOW - DAY), None),
            (
                Kept(at=NOW, listed_at=NOW - DAY),
                Sums(since=NOW, counts={"previous_secret": Seen(1, NOW - DAY)}),
            ),
        )
    ]
    return [
        *(lines.graph_fault(one, texts) for one in (Forbidden(403, "", "1"), Unavailable(0))),
        *lines.permission_problems(record, ROTATING, texts),
        *lines.self_watch_problems(SelfLook(at=NOW - DAY, up_since=NOW), NOW, texts),
        *lines.other_notes(Traces(began_at=NOW, record=record, kept=kept, delta=silent), {"1": 2}, texts),
        *lines.other_notes(Traces(began_at=NOW, record=record, delta=Delta()), {}, texts),
        *lines.subscription_notes(kept, record, NOW, texts),
        *lines.subscription_notes(forgone, record, NOW, texts),
        *secrets,
    ]


def test_no_sentence_of_health_has_a_word_that_is_written_in_the_code() -> None:
    said = said_by_health(marked(Path(FOLDER) / f"{DEFAULT}.toml"))
    assert len(said) == len(set(said)) >= 21
    for sentence in said:
        assert from_elsewhere(sentence, CODES) == set(), sentence
    for dutch in said_by_health(catalogue("nl")):
        assert not REMNANT.search(dutch), dutch


# --- an answer ----------------------------------------------------------------------------------------------


@pytest.mark.real
async def test_an_answer_is_wholly_in_the_language_that_is_set(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known.restarted(WATCH_LANGUAGE="nl")
    watch = known.watch
    await unwell.note(watch, {"sweep": detail("at-step", step=7, fault="Forbidden 403")})
    await watch.storage.poison("changed-users").send("not json")
    await watch.notifier.tell(watch.now())  # Nobody listens where the cards are sent.
    known.clock.pass_by(days=28)
    await known.control.fault(Fault(path="/subscriptions", method="POST", status=403, code="ExtensionError"))
    await subscriptions.keep(watch)
    seen = await health.look(watch)
    text = "\n".join((*seen.problems, *seen.notes))
    for named in (
        "(stap 7: Forbidden 403)",
        "(het laatst gelezen op ",
        "bericht(en) mislukken al langer dan 24 uur",
        "1 bericht(en) in changed-users-poison",
        "abonnement users: Forbidden: Graph 403 ExtensionError",
    ):
        assert named in text
    assert not REMNANT.search(text)

    for room in (health, notifier):
        monkeypatch.setattr(room, "catalogue", lambda _: DUTCH)
    marks = await health.look(watch)
    assert (len(marks.problems), len(marks.notes)) == (len(seen.problems), len(seen.notes))
    known_words = {*CODES, "Graph", "ExtensionError", "teams", "unreachable", "changed-users-poison"}
    for sentence in (*marks.problems, *marks.notes):
        left = from_elsewhere(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", sentence), known_words)
        assert left == set(), sentence


@pytest.mark.real
async def test_what_cannot_be_looked_at_is_said_in_the_language_that_is_set(known: Scene) -> None:
    await known.restarted(WATCH_LANGUAGE="nl")
    manifest = known.watch.manifest
    table = f"{manifest.tenant_id}/{manifest.epoch}/telling"
    await known.watch.storage.ledger.put(table, b"not a table")
    [problem] = (await health.look(known.watch)).problems
    assert problem.startswith(f"de tabel {table} van de melder kan niet worden gelezen: ")
