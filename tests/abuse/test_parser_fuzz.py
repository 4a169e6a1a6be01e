"""Some thousand inputs at the parsers of calls and events; `make fuzz` tries 100,000."""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from shared.graph.notifications import BadCall, Call, parse_call
from tests.abuse import bodies, parser_fuzz, promises
from tests.abuse.bodies import SECRETS, TENANT, user_id

INPUTS = 4_000


def test_no_input_breaks_a_promise_of_the_parsers() -> None:
    tried = parser_fuzz.run(1, INPUTS)
    assert tried.inputs >= INPUTS
    # Were all refused at the door, nothing behind it would have been tried.
    assert min(tried.became.values()) > INPUTS / 20
    assert tried.ids > INPUTS / 20
    assert set(tried.became) == {"refused", "nothing authentic", "with something authentic"}


def test_the_same_number_makes_the_same_inputs() -> None:
    once, again, other = (list(bodies.several(number, 60)) for number in (1, 1, 2))
    assert once == again != other
    assert len(set(once)) > 50


def _believes_everything(body: bytes, tenant: str, secrets: Any) -> Call:
    """A parser to which any secret is right."""
    found = [secrets[0], *bodies.GUESSES]
    return parse_call(body, tenant, [one or "-" for one in found])


def _adds_one(body: bytes, tenant: str, secrets: Any) -> Call:
    """A parser that names somebody who wasn't posted."""
    call = parse_call(body, tenant, secrets)
    return msgspec.structs.replace(call, user_ids=(*call.user_ids, user_id(999)))


def _counts_twice(body: bytes, tenant: str, secrets: Any) -> Call:
    call = parse_call(body, tenant, secrets)
    return msgspec.structs.replace(call, counts={name: 2 * n for name, n in call.counts.items()})


def _falls(body: bytes, tenant: str, secrets: Any) -> Call:
    """A parser that falls over bytes that are no UTF-8."""
    body.decode()
    return parse_call(body, tenant, secrets)


def _dawdles(body: bytes, tenant: str, secrets: Any) -> Call:
    """A parser whose work grows with the square of what it is given."""
    for _ in range(len(body)):
        body.count(b"\x00\x00")
    sum(range(3_000_000))
    return parse_call(body, tenant, secrets)


def _refuses_oddly(body: bytes, tenant: str, secrets: Any) -> Call:
    try:
        return parse_call(body, tenant, secrets)
    except BadCall:
        raise BadCall(500, "") from None


@pytest.mark.parametrize(
    ("parser", "fault"),
    [
        (_believes_everything, promises.Broken),
        (_adds_one, promises.Broken),
        (_counts_twice, promises.Broken),
        (_falls, UnicodeDecodeError),
        (_dawdles, promises.Broken),
        (_refuses_oddly, promises.Broken),
    ],
    ids=lambda one: getattr(one, "__name__", "").strip("_"),
)
def test_a_parser_with_a_fault_is_caught(
    parser: Callable[..., Call], fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promises, "parse_call", parser)
    with pytest.raises(fault):
        parser_fuzz.run(1, 2_000)


def test_a_call_of_just_under_a_mebibyte_costs_what_its_bytes_allow() -> None:
    shapes: tuple[Any, ...] = ({"id": user_id(1)}, [[[]]], "x" * 30, {"value": {"value": {"id": "y"}}})
    for member in shapes:
        many = [member] * (900_000 // (len(str(member)) + 2))
        group = {
            "tenantId": TENANT,
            "clientState": SECRETS[0],
            "changeType": "updated",
            "resource": f"groups/{user_id(2)}",
            "resourceData": {"members@delta": many},
        }
        call = promises.heard(msgspec.json.encode({"value": [group]}))
        assert call is not None
        assert call.group_ids == (user_id(2),)


def test_every_way_of_breaking_a_body_is_used() -> None:
    rng = random.Random(1)
    for change in bodies._CHANGES:
        whole = bodies._written(bodies.real(rng), rng)
        assert any(_changed(change, whole, rng) for _ in range(20)), change


def _changed(change: Callable[[bytearray, random.Random], None], whole: bytes, rng: random.Random) -> bool:
    body = bytearray(whole)
    change(body, rng)
    return bytes(body) != whole
