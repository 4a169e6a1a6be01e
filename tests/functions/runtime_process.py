"""A process that holds nothing but the app in Microsoft's runtime, and answers questions about it."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any


async def main(root: Path) -> None:
    """Index the app, then answer until standard input ends."""
    # The answers have a channel of their own: anything may print to standard output.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.path.insert(0, str(root))
    from sandbox.host.runtime import IndexedApp

    async with IndexedApp(root) as app:
        for line in sys.stdin:
            answers.write(json.dumps(await answer(app, json.loads(line))) + "\n")
            answers.flush()


async def answer(app: Any, question: dict[str, Any]) -> Any:
    """`{"listing": true}`, `{"modules": true}`, `{"event": {…}}`, or `{"http": name, "url": …, "body": hex,
    "headers": …}`."""
    from sandbox.host.triggers import event_datum

    if "listing" in question:
        return {
            one.name: {"trigger": one.trigger, "outputs": [dict(output) for output in one.outputs]}
            for one in app.functions
        }
    if "modules" in question:
        return sorted(sys.modules)
    if "event" in question:
        outcome = await app.invoke(app.function("graph_events"), event_datum(question["event"]), {})
        return {"ok": outcome.ok, "outputs": dict(outcome.outputs), "error": outcome.error}
    body = bytes.fromhex(question["body"])
    headers = question.get("headers", {"Content-Type": "application/json"})
    reply = await app.http(question["http"], method="POST", url=question["url"], headers=headers, body=body)
    return {
        "status": reply.status,
        "headers": dict(reply.headers),
        "text": reply.body.decode("utf-8", "replace"),
        "outputs": {name: list(texts) for name, texts in reply.outputs.items()},
        "error": reply.error,
    }


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
