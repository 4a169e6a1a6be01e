"""What the product asks of Graph is noted, what others ask is not; what differs from the table is named."""

from pathlib import Path

import aiohttp
import pytest

from sandbox.graph import seen
from sandbox.graph.seen import Seen, noted
from sandbox.graph.server import serve
from sandbox.graph.tenant import generate
from shared.graph.session import PRODUCT, GraphSession
from shared.graph.users import read_user, read_users
from shared.settings import load
from tests.sandbox.graph.calls import token_of
from tests.settings.good_settings import GOOD
from tools.graph_calls import allowed, beyond, main, unseen

AGENT = f"{PRODUCT} kiota-python/1.0"
SUBSCRIBE = {"resource": "/groups", "changeType": "updated"}


def test_only_the_products_calls_are_noted_by_name_and_a_batch_by_its_items(tmp_path: Path) -> None:
    one = Seen(tmp_path / "calls")
    one.note("GET", "/users/somebody", None, "python-requests/2")
    assert noted(tmp_path / "calls") == frozenset()
    for path in ("/users/somebody", "/users/another", "/me", "/users/$count", "/groups/$count"):
        one.note("GET", path, None, AGENT)
    one.note("POST", "/$batch", {"requests": []}, AGENT)
    Seen(tmp_path / "calls").note("POST", "/subscriptions", SUBSCRIBE, AGENT)
    assert noted(tmp_path / "calls") == {
        "GET /users/{id}",
        "GET /users/$count",
        "GET /groups/$count",
        "GET /me",
        "POST /subscriptions",
        "subscription groups",
    }
    Seen(None).note("GET", "/me", None, AGENT)


def test_both_differences_from_the_table_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (beyond(allowed()), unseen(allowed())) == ([], [])
    everything = sorted(allowed())
    (tmp_path / "1.txt").write_text("\n".join(everything))
    assert main(tmp_path) == 0
    assert "all of them and no other" in capsys.readouterr().out
    (tmp_path / "1.txt").write_text("\n".join([*everything[1:], "GET /me"]))
    assert main(tmp_path) == 1
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "asked of Graph, but not in permissions.json: GET /me",
        f"in permissions.json, but no test saw it asked of Graph: {everything[0]}",
    ]


@pytest.mark.real
async def test_the_products_own_session_is_known_by_its_header_alone_and_within_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(seen.FOLDER, str(tmp_path))
    async with await serve(generate(40)) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        session = GraphSession(load({**GOOD, **running.environment}).graph)
        user_id = running.world.cast["admin"]
        try:
            async with aiohttp.ClientSession() as raw:
                token = token_of(running, *running.world.roles)
                headers = {"Authorization": f"Bearer {token}"}
                async with raw.get(f"{running.graph_url}/organization", headers=headers) as answer:
                    assert answer.status == 200
            assert noted(tmp_path) == frozenset()
            await read_users(session, [user_id])
            assert noted(tmp_path) == {"GET /users/{id}"}
            assert (await read_user(session, user_id)).id == user_id
        finally:
            await session.aclose()
    assert noted(tmp_path) == {"GET /users/{id}"}
