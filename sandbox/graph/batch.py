"""`$batch`: up to twenty calls in one, each with its own status, answered in any order (graph.md §9)."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.graph.simulator import Incoming, Simulator, fault_answer
from sandbox.graph.wire import Caller, GraphAnswer, GraphFault

LARGEST = 20


async def answer_batch(simulator: Simulator, outer: Incoming) -> GraphAnswer:
    """Answer a `POST /$batch`; 401 without token, 400 for more than twenty items or a malformed one."""
    now = simulator.world.now()
    try:
        holder = simulator.holder(outer)
        items = _items(outer.body)
    except GraphFault as fault:
        return fault.answer("", now)
    answers: dict[str, dict[str, Any]] = {}
    for item in items:
        answers[item["id"]] = await _answer_item(simulator, outer, holder, item, answers)
    responses = list(answers.values())
    simulator.rng.shuffle(responses)
    throttled = any(response["status"] == 429 for response in responses)
    status = simulator.world.rates.batch_throttled_status if throttled else 200
    return GraphAnswer(status, {"responses": responses})


def _items(body: Any) -> list[dict[str, Any]]:
    items = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        raise GraphFault(400, "BadRequest", "Invalid batch payload format.")
    if len(items) > LARGEST:
        text = f"Number of batch request steps exceeds the maximum value of {LARGEST}."
        raise GraphFault(400, "MaximumValueExceeded", text)
    for item in items:
        named = isinstance(item, dict) and all(isinstance(item.get(n), str) for n in ("id", "method", "url"))
        if not named or urlsplit(item["url"]).scheme or urlsplit(item["url"]).netloc:
            raise GraphFault(400, "BadRequest", "A batch request needs id, method and a relative url.")
        parents = item.get("dependsOn") or []
        if not isinstance(parents, list) or len(parents) > 1:
            raise GraphFault(400, "BadRequest", "A batch request can depend on one other request only.")
    if len({item["id"] for item in items}) != len(items):
        raise GraphFault(400, "BadRequest", "Batch request ids must be unique.")
    return items


async def _answer_item(
    simulator: Simulator,
    outer: Incoming,
    holder: Caller,
    item: dict[str, Any],
    before: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    headers = {name.lower(): str(value) for name, value in (item.get("headers") or {}).items()}
    parts = urlsplit(item["url"])
    # The version is that of the batch: one in the item's own url is taken for a resource, which isn't there.
    path = normal_path(parts.path)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    inner = Incoming(item["method"].upper(), path, query, headers, item.get("body"), outer.base)
    simulator.count(inner, within=outer)
    answer = await _answer(simulator, inner, holder, item, before)
    return {"id": item["id"], "status": answer.status, "headers": dict(answer.headers), "body": answer.body}


async def _answer(
    simulator: Simulator,
    inner: Incoming,
    holder: Caller,
    item: dict[str, Any],
    before: dict[str, dict[str, Any]],
) -> GraphAnswer:
    now = simulator.world.now()
    for parent in item.get("dependsOn") or ():
        if before.get(parent, {}).get("status", 500) >= 400:
            return GraphFault(424, "FailedDependency", f"Request {parent} failed.").answer("", now)
    if inner.body is not None and "application/json" not in inner.headers.get("content-type", ""):
        text = "A batch request with a body needs a Content-Type header."
        return GraphFault(400, "BadRequest", text).answer("", now)
    fault = simulator.faults.take(inner.method, inner.path, item=True) or simulator.faults.draw(
        simulator.world.rates, inner.path, inner.query, item=True
    )
    if fault is not None:
        return fault_answer(fault, now)
    return await simulator.answer(inner, holder)


def normal_path(raw: str) -> str:
    """A path below the version as the routes know it: decoded, without trailing slash and call brackets.

    A slash that is part of a segment stays written as `%2F`.
    """
    segments = [unquote(segment).replace("/", "%2F") for segment in raw.split("/") if segment]
    return "/" + "/".join(segment.removesuffix("()") for segment in segments)
