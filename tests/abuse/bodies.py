"""Bodies for what reads Graph's calls: real ones broken byte by byte, and made ones of every odd shape.

All come from a seed: the same number makes the same body.
"""

import json
import random
import string
from collections.abc import Callable, Iterator
from typing import Any

TENANT = "3f0a7b5e-6f0e-4f1c-9a50-0d0f6f3c1a11"
SECRETS = ("current-secret-" + "c" * 33, "previous-sécret-" + "p" * 32)
GUESSES = (
    "w" * 48,
    "",
    SECRETS[0][:-1],
    SECRETS[0] + " ",
    SECRETS[0].upper(),
    "previous-se\u0301cret-" + "p" * 32,
)

_TOKENS = (
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"9" * 400,
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\\u0063",
    b"\x1b[31m",
    b"\n",
    b" " * 64,
    b"NaN",
    b"Infinity",
    b"[" * 900,
    b'{"a":' * 300,
    b"../",
    b"%2e%2e%2f",
    b"clientState",
    b"tenantId",
    b"value",
    b'"clientState":"",',
    b'"value":[],',
    b'"id":"../../x",',
    b"/*x*/",
    b"'",
)


def user_id(number: int) -> str:
    """An object id."""
    return f"{number:08x}-1111-4111-8111-{number:012x}"


def real(rng: random.Random) -> list[dict[str, Any]]:
    """Some notifications as Graph sends them: users, groups with members, events of subscriptions; a part of
    them under a guessed secret or of another tenant."""
    return [_notification(rng) for _ in range(rng.choice((1, 1, 2, 3, 8)))]


def _notification(rng: random.Random) -> dict[str, Any]:
    lot, about = rng.random(), user_id(rng.randrange(1, 50))
    proof = {
        "clientState": rng.choice((*[SECRETS[0]] * 8, *[SECRETS[1]] * 3, *GUESSES)),
        "tenantId": rng.choice((*[TENANT] * 6, TENANT.upper(), user_id(7))),
        "subscriptionId": rng.choice((user_id(900), user_id(901).upper(), "no-guid")),
        "subscriptionExpirationDateTime": "2026-12-20T00:00:00+00:00",
    }
    if lot < 0.15:
        event = rng.choice(("reauthorizationRequired", "subscriptionRemoved", "missed", "new\nEvent"))
        return {**proof, "lifecycleEvent": event}
    kind = "Group" if lot < 0.35 else "User"
    data: dict[str, Any] = {
        "@odata.type": f"#Microsoft.Graph.{kind}",
        "@odata.id": f"{kind}s/{about}",
        "id": about,
    }
    if kind == "Group":
        data["members@delta"] = [{"id": user_id(rng.randrange(50, 90))} for _ in range(rng.randrange(4))]
    return {**proof, "changeType": "updated", "resource": f"{kind}s/{about}", "resourceData": data}


def broken(rng: random.Random) -> bytes:
    """A real body, with up to eight bytes, tokens or pieces changed, moved, doubled or taken out."""
    body = bytearray(_written(real(rng), rng))
    for _ in range(rng.choice((0, 1, 1, 2, 4, 8))):
        rng.choice(_CHANGES)(body, rng)
    return bytes(body)


def odd(rng: random.Random) -> bytes:
    """A body of made shape: any value in any field, deep, long, doubled."""
    items: list[Any] = [_odd_item(rng) for _ in range(rng.randrange(5))]
    envelope: Any = {"value": items}
    if rng.random() < 0.1:
        envelope = rng.choice((items, {"value": {"value": items}}, {"Value": items}, None, {"value": None}))
    return _written(envelope, rng, whole=True)


def _odd_item(rng: random.Random) -> Any:
    if rng.random() < 0.1:
        return _anything(rng)
    item = _notification(rng)
    for name in rng.sample(sorted(item), k=rng.randrange(0, 3)):
        item[name] = _anything(rng)
    data = item.get("resourceData")
    if isinstance(data, dict):
        for name in rng.sample(("id", "@odata.type", "members@delta"), k=rng.randrange(3)):
            data[name] = _anything(rng)
    return item


def _anything(rng: random.Random, depth: int = 0) -> Any:
    lot = rng.randrange(10 if depth < 4 else 6)
    if lot == 0:
        return rng.choice((None, True, False, 0, -1, 1.5, 10**40, -(2**63), 1e300))
    if lot < 3:
        return rng.choice((SECRETS[0], TENANT, user_id(rng.randrange(100)), f"users/{user_id(3)}", *GUESSES))
    if lot < 5:
        return "".join(
            rng.choices(string.printable + "\u202e\u2028é秘\U0001f469\x00\x1b", k=rng.randrange(40))
        )
    if lot == 5:
        return rng.choice(("x" * 5_000, "users/" + "a" * 3_000, "users('" * 500, "../" * 200, "/" * 900))
    if lot < 8:
        return [_anything(rng, depth + 1) for _ in range(rng.randrange(4))]
    names = ("id", "value", "@odata.type", "clientState", "tenantId", "x")
    return {rng.choice(names): _anything(rng, depth + 1) for _ in range(rng.randrange(4))}


def _written(value: Any, rng: random.Random, *, whole: bool = False) -> bytes:
    text = json.dumps(value if whole else {"value": value}, ensure_ascii=rng.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


# --- changes of bytes ---------------------------------------------------------------------------------------


def _flip(body: bytearray, rng: random.Random) -> None:
    if body:
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)


def _insert(body: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(body) + 1)
    body[at:at] = rng.choice(_TOKENS)


def _replace(body: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(body) + 1)
    token = rng.choice(_TOKENS)
    body[at : at + len(token)] = token


def _cut(body: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(body) + 1)
    del body[at : at + rng.choice((1, 2, 7, 40, len(body)))]


def _double(body: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(body) + 1)
    body[at:at] = body[at : at + rng.choice((1, 10, 80, 400))]


def _swap(body: bytearray, rng: random.Random) -> None:
    """A field of the same name once more, with another value: readers differ on which of the two counts."""
    name = rng.choice((b'"clientState"', b'"tenantId"', b'"id"', b'"value"', b'"resource"'))
    at = body.find(name)
    if at >= 0:
        body[at:at] = (
            name + b": " + rng.choice((b'"w"', b"null", b"[]", b'"%s"' % user_id(77).encode())) + b", "
        )


def _escape(body: bytearray, rng: random.Random) -> None:
    """A letter as an escape: the same text in other bytes."""
    at = rng.randrange(len(body) + 1)
    if at < len(body) and chr(body[at]).isalnum() and body[at] < 128:
        body[at : at + 1] = b"\\u%04x" % body[at]


_CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip, _insert, _replace, _cut, _double, _swap, _escape,
)  # fmt: skip


def several(number: int, count: int) -> Iterator[bytes]:
    """So many bodies from this number: two of three broken, one of three odd."""
    for n in range(count):
        rng = random.Random(number * 1_000_003 + n)
        yield odd(rng) if n % 3 == 2 else broken(rng)
