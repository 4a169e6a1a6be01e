"""What `subscriptions` says of what the watch remembers, and what it puts on the queue."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from admin.subscriptions.command import _done
from shared.graph.subscription_plan import Failed, Reason, Record
from shared.storage import Storage
from shared.texts.catalogue import Catalogue
from shared.watch.messages import CREATE, read_step
from shared.watch.subscription_memory import Held, Kept, Obeyed, Refused
from tests.admin.shell import Shell
from tests.ledger.readings import TENANT_ID

pytestmark = pytest.mark.real

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=9)
USERS, GROUPS = (
    Record(id=f"{name}-id", resource=name, fingerprint="f", renewed_at=NOW, expires_at=LATER)
    for name in ("users", "groups")
)
DENIED = Failed(about="users", kind="Forbidden", status=403, code="Denied", request_id="r-1")


def remembered(shell: Shell, kept: Kept) -> None:
    """What the watch's last run left behind."""
    shell.with_storage(
        lambda storage: storage.ledger.put(f"{TENANT_ID}/subscriptions", msgspec.json.encode(kept))
    )


def waiting(shell: Shell) -> list[tuple[str, datetime | None]]:
    """The orders that wait on the queue."""

    async def read(storage: Storage) -> list[str]:
        return [message.text for message in await storage.sweeps.receive(32)]

    return [(step.subscriptions, step.at) for step in map(read_step, shell.with_storage(read))]


FORGONE = Kept(
    at=NOW,
    records=(USERS,),
    refused={"groups": Refused(permission="Group.Read.All", since=NOW, tried_at=NOW)},
    troubles={"groups": Held(reason=Reason.PERMISSION, since=NOW)},
)
BLIND = {name: msgspec.structs.replace(one, evidence="forbidden") for name, one in FORGONE.refused.items()}


@pytest.mark.parametrize(
    ("kept", "code", "said"),
    [
        (None, 3, ["unknown"]),
        (Kept(at=NOW, records=(USERS, GROUPS)), 0, ["alive", "alive"]),
        (Kept(at=NOW, records=(USERS,)), 3, ["alive", "none"]),
        (FORGONE, 0, ["alive", "forgone"]),
        (msgspec.structs.replace(FORGONE, records=(USERS, GROUPS)), 0, ["alive", "forgone"]),
        (msgspec.structs.replace(FORGONE, refused=BLIND), 3, ["alive", "forgone-blind"]),
        (Kept(at=NOW, left=NOW), 0, ["left"]),
        (Kept(at=NOW, left=NOW, records=(GROUPS,)), 3, ["left", "undeleted"]),
    ],
    ids=["unknown", "well", "missing", "forgone", "taken away", "blind", "left", "undeleted"],
)
def test_each_way_that_it_can_stand_has_its_words_and_its_exit_code(
    shell: Shell, texts: Catalogue, kept: Kept | None, code: int, said: list[str]
) -> None:
    if kept:
        remembered(shell, kept)
    answer = shell.run("subscriptions", "show", WATCH_LANGUAGE=texts.language)
    assert (answer.code, answer.err) == (code, "")
    lines = answer.out.splitlines()
    assert len(lines) == len(said)
    for line, word in zip(lines, said, strict=True):
        template = texts.find("cli", "subscriptions", word)
        assert template is not None
        assert template.rpartition("}")[2] in line


def test_what_graph_refused_is_said_with_the_number_of_its_answer(shell: Shell) -> None:
    remembered(shell, Kept(at=NOW, records=(USERS, GROUPS), failed=(DENIED,)))
    answer = shell.run("subscriptions", "show")
    assert answer.code == 3
    assert "Denied" in answer.out
    assert "r-1" in answer.out


def test_an_order_that_nobody_follows_stays_on_the_queue_and_the_shell_says_so(
    shell: Shell, texts: Catalogue
) -> None:
    answer = shell.run("subscriptions", "create", "--wait", "1", WATCH_LANGUAGE=texts.language)
    assert answer.code == 1
    assert answer.out.strip() == texts.text("cli", "subscriptions", "asked", "create", n=1)
    assert answer.err.strip() == texts.text("cli", "subscriptions", "late", n=1)
    [(order, at)] = waiting(shell)
    assert order == CREATE
    assert at is not None


def test_an_order_is_the_later_one_though_this_clock_is_behind_that_of_the_last(shell: Shell) -> None:
    ahead = NOW + timedelta(minutes=5)
    remembered(shell, Kept(at=NOW, obeyed=Obeyed(order="delete", at=ahead, done_at=ahead)))
    assert shell.run("subscriptions", "create", "--wait", "1").code == 1
    [(_, at)] = waiting(shell)
    assert at is not None
    assert at > ahead


def test_an_order_that_leaves_one_out_does_not_end_as_if_all_were_there() -> None:
    said = _done(FORGONE, CREATE)
    assert "Group.Read.All" in said
    assert "can do without" in said
    assert _done(Kept(at=NOW, records=(USERS, GROUPS)), CREATE) != said


def test_the_storage_of_another_tenant_is_not_asked(shell: Shell) -> None:
    other = "99999999-9999-4999-8999-999999999999"
    answer = shell.run("subscriptions", "delete", "--wait", "1", TENANT_ID=other)
    assert answer.code == 2
    assert waiting(shell) == []
