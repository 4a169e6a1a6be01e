"""`/users/delta` and `/groups/delta`: links, pages and what they may say again (graph.md §6)."""

import base64
import binascii
import random
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from sandbox.graph import delta_rows, groups, odata, users
from sandbox.graph.journal import Journal
from sandbox.graph.wire import GraphAnswer, GraphFault, GraphRequest, bad_request, unsupported
from sandbox.graph.world import World

MOST_IDS = 50
_REFUSED = ("$top", "$orderby", "$expand", "$search")
_MARK = b"\xfb\xff\xfe"
"""Makes every token begin with +//+, so that a client that encodes links anew is found out."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What a token holds: what is asked for, and how far this reader is.

    `begin`: position in the journal from which on changes are told; None enumerates what there is, up to now
    by `after`. `end`: where the round ends, None before it began. `offset`: rows of the round already given.
    `nonce` tells two links to the same place apart.
    """

    kind: Literal["users", "groups"]
    names: tuple[str, ...]
    ids: tuple[str, ...]
    issued: float
    generation: int
    nonce: int
    begin: int | None = None
    end: int | None = None
    after: str = ""
    offset: int = 0
    minimal: bool = False
    seed: int = 0
    replays: float = 0.0
    shuffled: bool = False


def users_delta(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /users/delta`: whoever changed since the link was given, or everybody."""
    return _answer(request, world, "users", _user_rows)


def groups_delta(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /groups/delta`: likewise, with the members that came and went in slices."""
    return _answer(request, world, "groups", _group_rows)


Rows = Callable[[World, Link, int], tuple[list[dict[str, Any]], str, bool]]
"""World, link and page size to rows, the id of the last of them, and whether that was all."""


def _answer(request: GraphRequest, world: World, kind: Literal["users", "groups"], rows: Rows) -> GraphAnswer:
    for option in _REFUSED:
        if option in request.query:
            raise bad_request(f"The query option '{option}' is not supported for delta queries.")
    journal = world.user_journal if kind == "users" else world.group_journal
    body: dict[str, Any] = {"@odata.context": f"{request.base}/$metadata#{kind}", "value": []}
    link = _link(request, world, kind, journal)
    if request.query.get("$deltatoken") == "latest":
        body["@odata.deltaLink"] = _url(request, "$deltatoken", _done(link, journal, request))
        return GraphAnswer(200, body)
    if link.end is None:
        link = _begun(link, journal, request, world)
    if world.rates.empty_page_rate and journal.rng.random() < world.rates.empty_page_rate:
        body["@odata.nextLink"] = _url(request, "$skiptoken", _renewed(link, journal, request))
        return GraphAnswer(200, body)
    body["value"], last, complete = rows(world, link, world.rates.delta_page_size)
    if complete:
        body["@odata.deltaLink"] = _url(request, "$deltatoken", _done(link, journal, request))
    else:
        onward = msgspec.structs.replace(link, after=last, offset=link.offset + len(body["value"]))
        body["@odata.nextLink"] = _url(request, "$skiptoken", _renewed(onward, journal, request))
    return GraphAnswer(200, body)


# --- links --------------------------------------------------------------------------------------------------


def _link(request: GraphRequest, world: World, kind: Literal["users", "groups"], journal: Journal) -> Link:
    """The link that the call follows, or a new one that enumerates."""
    tokens = [name for name in ("$deltatoken", "$skiptoken") if request.query.get(name)]
    if len(tokens) > 1:
        raise bad_request("A request has one token.")
    if tokens == ["$skiptoken"] and ("$select" in request.query or "$filter" in request.query):
        raise bad_request("$select and $filter are not supported with $skiptoken.")
    if tokens and request.query[tokens[0]] != "latest":
        link = _read(request.query[tokens[0]], kind)
        _still_good(request, world, journal, link, tokens[0])
        return link
    return Link(
        kind=kind,
        names=_selected(request, kind),
        ids=_ids(request),
        issued=request.now.timestamp(),
        generation=journal.generation,
        nonce=0,
    )


def _selected(request: GraphRequest, kind: str) -> tuple[str, ...]:
    """Properties that are returned and tracked. Members of a group come by default too (graph.md §6)."""
    if kind == "users":
        return odata.selected(request, users.PROPERTIES, users.DEFAULT, "user")
    known: Mapping[str, Any] = groups.PROPERTIES | {"members": None}
    return odata.selected(request, known, (*groups.DEFAULT, "members"), "group")


def _ids(request: GraphRequest) -> tuple[str, ...]:
    """The ids of `id eq 'a' or id eq 'b'`: the one filter there is, for 50 objects at most."""
    text = request.query.get("$filter")
    if text is None:
        return ()
    pairs = [odata.equals(part) for part in re.split(r"\s+or\s+", text.strip())]
    ids = tuple(pair[1].lower() for pair in pairs if pair is not None and pair[0] == "id")
    if len(ids) != len(pairs):
        raise unsupported("Delta queries can be filtered by id only.")
    if len(ids) > MOST_IDS:
        raise bad_request(f"A delta query can be filtered for {MOST_IDS} objects at most.")
    return ids


def _still_good(request: GraphRequest, world: World, journal: Journal, link: Link, token: str) -> None:
    """Refuse a link of before a reset with 410 and a new start, one that is too old with its own code."""
    age = request.now.timestamp() - link.issued
    if link.generation != journal.generation and journal.ended == "reset":
        location = f"{request.base}{request.path}?$deltatoken="
        text = "Resync required. Begin anew with the link in the Location header."
        raise GraphFault(410, "resyncRequired", text, {"Location": location})
    if link.generation != journal.generation or (
        token == "$deltatoken" and age > world.rates.delta_token_lifetime
    ):
        text = "The sync state generation is not found. Begin anew."
        raise GraphFault(world.rates.delta_expired_status, "syncStateNotFound", text)
    if token == "$skiptoken" and age > world.rates.page_token_lifetime:
        raise bad_request("The specified page token value has expired.", "Directory_ExpiredPageToken")


def _begun(link: Link, journal: Journal, request: GraphRequest, world: World) -> Link:
    """The link at the start of its round: what the round will tell is settled now."""
    return msgspec.structs.replace(
        link,
        end=journal.end(request.now),
        minimal="return=minimal" in request.headers.get("prefer", "").replace(" ", "").lower(),
        seed=journal.rng.getrandbits(32),
        replays=world.rates.delta_replay_rate,
        shuffled=world.rates.delta_shuffle,
    )


def _renewed(link: Link, journal: Journal, request: GraphRequest) -> Link:
    return msgspec.structs.replace(
        link, issued=request.now.timestamp(), nonce=journal.rng.getrandbits(48), generation=journal.generation
    )


def _done(link: Link, journal: Journal, request: GraphRequest) -> Link:
    """The link that asks for what comes after this round."""
    return Link(
        kind=link.kind,
        names=link.names,
        ids=link.ids,
        issued=request.now.timestamp(),
        generation=journal.generation,
        nonce=journal.rng.getrandbits(48),
        begin=journal.end(request.now) if link.end is None else link.end,
    )


def _url(request: GraphRequest, name: str, link: Link) -> str:
    token = base64.b64encode(_MARK + msgspec.json.encode(link)).decode()
    return f"{request.base}{request.path}?{name}={quote(token, safe='')}"


def _read(token: str, kind: str) -> Link:
    try:
        raw = base64.b64decode(token, validate=True)
        if not raw.startswith(_MARK):
            raise ValueError("not one of ours")
        link = msgspec.json.decode(raw[len(_MARK) :], type=Link)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as problem:
        raise bad_request("The token is badly formed.") from problem
    if link.kind != kind:
        raise bad_request("The token is badly formed.")
    return link


# --- rows ---------------------------------------------------------------------------------------------------


def _user_rows(world: World, link: Link, size: int) -> tuple[list[dict[str, Any]], str, bool]:
    if link.begin is None:
        ids = sorted(set(link.ids) & world.users.keys()) if link.ids else world.user_order
        return delta_rows.everybody(world, ids, link.after, size, link.names)
    told = _told(world.user_journal, link)
    part = told[link.offset : link.offset + size]
    rows = [delta_rows.user_row(world, one, link.names, minimal=link.minimal) for one in part]
    return rows, "", link.offset + size >= len(told)


def _told(journal: Journal, link: Link) -> list[delta_rows.Told]:
    return delta_rows.told(
        journal,
        (link.begin or 0, link.end or 0),
        frozenset(link.names),
        frozenset(link.ids),
        random.Random(link.seed),
        link.replays,
        link.shuffled,
    )


def _group_rows(world: World, link: Link, size: int) -> tuple[list[dict[str, Any]], str, bool]:
    slice_size = world.rates.delta_members_per_row
    if link.begin is None:
        ids = sorted(set(link.ids) & world.groups.keys()) if link.ids else world.group_order
        return delta_rows.all_groups(world, ids, link.after, size, link.names, slice_size)
    every = delta_rows.group_rows(
        world, _told(world.group_journal, link), link.names, slice_size, minimal=link.minimal
    )
    return every[link.offset : link.offset + size], "", link.offset + size >= len(every)
