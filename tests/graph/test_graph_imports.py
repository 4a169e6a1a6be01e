"""What is loaded: by the notification path next to nothing, by the Graph calls no typed model of the SDK."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

LIGHT = """
import json, sys
import msgspec
before = set(sys.modules)
from shared.graph.notifications import handshake, lifecycle_messages, messages, parse_call
from datetime import UTC, datetime
call = parse_call(b'{"value": [{"tenantId": "t"}]}', "t", ("s",))
messages(call, datetime.now(UTC)), lifecycle_messages(call, datetime.now(UTC)), handshake("t")
print(json.dumps(sorted(set(sys.modules) - before)))
"""

EVERY_CALL = """
import asyncio, json, sys
from tests.graph.stub_graph import AT, Reply, bench, oid
from shared.graph import audits, groups, registration, subscription_plan, subscriptions, tenant, users

WANTED = subscription_plan.Wanted(
    resource="users", notification_url="https://a", lifecycle_url="https://a", client_state="s"
)

def route(seen):
    if seen.target.endswith("/$count"):
        return Reply(b"3", content_type="text/plain")
    if seen.target.endswith("/$batch"):
        return Reply({"responses": [{"id": "0", "status": 200, "body": {"id": oid(1)}}]})
    if "/subscriptions" in seen.target and "/directory" not in seen.target:
        one = {"id": oid(1, "c"), "resource": "users", "expirationDateTime": "2027-01-01T00:00:00Z"}
        return Reply(one if seen.method != "GET" else {"value": [one], **one})
    one = {"id": oid(1), "displayName": "x", "assignedLicenses": [{"skuId": oid(2)}], "skuId": oid(2)}
    if "/organization" in seen.target:
        one["id"] = "11111111-1111-4111-8111-111111111111"
    return Reply({"value": [one], **one})

async def main():
    async with bench() as on:
        on.stub.route = route
        session = on.session
        await users.read_users(session, [oid(1)])
        await users.user_pages(session)
        await users.count_users(session)
        await groups.read_group(session, oid(1), AT)
        assert [page async for page in groups.member_pages(session, oid(1), transitive=False)]
        await groups.failing_group_ids(session)
        await groups.nested_group_ids(session, oid(1))
        facts = await tenant.read_tenant(session, None, AT)
        assert {piece.status.value for piece in facts.evidence.values()} == {"ok"}, facts.evidence
        assert await registration.registration_page(session)
        await audits.use_page(session, AT)
        await groups.transitive_member_page(session, oid(1))
        made = await subscriptions.create(session, WANTED, AT)
        await subscriptions.renew(session, made, AT)
        await subscriptions.get_subscription(session, made.id)
        await subscriptions.list_subscriptions(session)
        await subscriptions.delete(session, made.id)
        try:
            await session.send(session.follow(on.stub.base_url + "/users/" + oid(1)))
        finally:
            print(json.dumps(sorted(name for name in sys.modules if name.startswith("msgraph"))))

asyncio.run(main())
"""


def run(script: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_notification_path_loads_nothing_beyond_msgspec_and_the_standard_library() -> None:
    loaded = run(LIGHT)
    outside = {
        name
        for name in loaded
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("msgspec")
    }
    rooms = {"shared", "shared.graph", "shared.graph.notifications"}
    rooms |= {"shared.following", "shared.guids", "shared.spread"}
    assert outside == rooms
    assert not {"asyncio", "urllib.request", "http.client", "ssl"} & set(loaded)


def test_every_call_together_loads_no_typed_model_of_the_sdk() -> None:
    loaded = run(EVERY_CALL)
    assert "msgraph.graph_service_client" in loaded
    assert [name for name in loaded if name.startswith("msgraph.generated.models")] == []
    assert len(loaded) < 120
