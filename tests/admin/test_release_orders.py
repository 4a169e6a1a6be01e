"""A release order that takes the place of one not followed yet says so; any other says nothing of it."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.ledger.manifest import release_path
from shared.notify.exceptions.agreed import ReleaseOrder, order_release
from shared.notify.messages import Mass
from shared.notify.table import Brake
from shared.storage import Storage
from shared.texts.catalogue import Catalogue
from tests.admin.shell import Shell, remembered
from tests.ledger.readings import TENANT_ID

pytestmark = pytest.mark.real

NOW = datetime.now(UTC)
ORDERED_AT = NOW - timedelta(minutes=2)


def held(
    since: datetime,
    *,
    worse: bool = True,
    users: int = 65,
    released_at: datetime | None = None,
    over_at: datetime | None = None,
) -> Brake:
    mass = Mass(worse=worse, users=users, limit=50, since=since)
    return Brake(worse=worse, since=since, at=since, mass=mass, released_at=released_at, over_at=over_at)


def ordered(shell: Shell, *, discard: bool) -> None:
    order = ReleaseOrder(at=ORDERED_AT, by="Ada\x1b[2J Lovelace", discard=discard)
    shell.with_storage(lambda storage: order_release(storage.ledger, TENANT_ID, order))


@pytest.mark.parametrize("discard", [False, True])
def test_a_second_order_says_whose_it_replaces_given_when_and_to_do_what(
    shell: Shell, texts: Catalogue, discard: bool
) -> None:
    remembered(shell, held(NOW - timedelta(minutes=9)))
    ordered(shell, discard=discard)
    answer = shell.run("release", "--by", "Grace", WATCH_LANGUAGE=texts.language)
    assert (answer.code, answer.err) == (0, "")
    _, first, second = answer.out.splitlines()
    assert first == texts.text("cli", "released", "tell", by="Grace")
    what = "discard" if discard else "tell"
    at = texts.moment(ORDERED_AT)
    assert second == texts.text("cli", "replaces_order", what, by="Ada [2J Lovelace", at=at)
    order = shell.order()
    assert order is not None
    assert (order.by, order.discard) == ("Grace", False)


def test_the_first_order_replaces_nothing(shell: Shell) -> None:
    remembered(shell, held(NOW - timedelta(minutes=9)))
    assert len(shell.run("release", "--by", "Grace").out.splitlines()) == 2
    again = shell.run("release", "--by", "Ada", "--discard").out.splitlines()
    assert again[2].startswith("It takes the place of the order that Grace gave on ")


@pytest.mark.parametrize(
    "brakes",
    [
        (),
        (held(NOW - timedelta(minutes=9), released_at=NOW - timedelta(minutes=1)),),
        (held(NOW - timedelta(minutes=9), over_at=NOW - timedelta(minutes=1)),),
        (held(NOW - timedelta(minutes=1)),),
    ],
    ids=["nothing held", "let go", "over", "held since after the order"],
)
def test_an_order_that_was_followed_or_had_nothing_to_release_is_not_replaced(
    shell: Shell, brakes: tuple[Brake, ...]
) -> None:
    remembered(shell, *brakes)
    ordered(shell, discard=False)
    answer = shell.run("release", "--by", "Grace")
    assert (answer.code, answer.err) == (0, "")
    assert "takes the place" not in answer.out


NOTHING_HELD = (
    (),
    (held(NOW - timedelta(minutes=9), released_at=NOW - timedelta(minutes=1)),),
    (held(NOW - timedelta(minutes=9), over_at=NOW - timedelta(minutes=1)),),
)


@pytest.mark.parametrize("discard", [[], ["--discard"]], ids=["tell", "discard"])
@pytest.mark.parametrize("brakes", NOTHING_HELD, ids=["nothing", "let go", "over"])
def test_where_nothing_is_held_that_is_said_and_nothing_ordered(
    shell: Shell, texts: Catalogue, brakes: tuple[Brake, ...], discard: list[str]
) -> None:
    remembered(shell, *brakes)
    answer = shell.run("release", "--by", "Grace", *discard, WATCH_LANGUAGE=texts.language)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == texts.text("cli", "held", "nothing") + "\n"
    assert shell.order() is None


def test_what_is_held_is_said_before_the_order(shell: Shell, texts: Catalogue) -> None:
    since = {True: NOW - timedelta(minutes=9), False: NOW - timedelta(minutes=7)}
    remembered(shell, held(since[True]), held(since[False], worse=False, users=1_065))
    first, second, third = shell.run(
        "release", "--by", "Grace", WATCH_LANGUAGE=texts.language
    ).out.splitlines()
    assert first == texts.text("cli", "held", "worse", users="65", since=texts.moment(since[True]))
    many = texts.number(1_065)
    assert second == texts.text("cli", "held", "better", users=many, since=texts.moment(since[False]))
    assert third == texts.text("cli", "released", "tell", by="Grace")


def test_an_order_is_followed_though_this_clock_is_behind_that_of_the_notifier(shell: Shell) -> None:
    on = datetime.now(UTC) + timedelta(minutes=3)
    remembered(shell, held(on))
    assert shell.run("release", "--by", "Grace").code == 0
    order = shell.order()
    assert order is not None
    assert order.at >= on


@pytest.mark.parametrize(
    ("brakes", "said"),
    [
        ((held(NOW - timedelta(minutes=9)),), "It takes the place of an order that could not be read."),
        (
            (),
            "An order that could not be read was there; one that does nothing has taken its place.",
        ),
    ],
    ids=["held", "nothing held"],
)
def test_an_order_that_cannot_be_read_is_replaced_and_that_is_said(
    shell: Shell, brakes: tuple[Brake, ...], said: str
) -> None:
    async def broken(storage: Storage) -> None:
        await storage.ledger.put(release_path(TENANT_ID), b"{")

    shell.with_storage(broken)
    remembered(shell, *brakes)
    answer = shell.run("release", "--by", "Grace")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[-1] == said
    assert shell.order() is not None


def test_no_order_is_given_to_a_notifier_whose_memory_cannot_be_read(shell: Shell) -> None:
    async def broken(storage: Storage) -> None:
        manifest = await shell.manifest(storage)
        await storage.ledger.put(f"{TENANT_ID}/{manifest.epoch}/telling", b"x", gzip=False)

    shell.with_storage(broken)
    answer = shell.run("release", "--by", "Grace")
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (1, "", 1)
    assert answer.err.startswith("Storage holds something that this release does not understand")
    assert shell.order() is None
