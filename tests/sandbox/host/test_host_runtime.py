"""Microsoft's runtime in this process: indexing, native invocation, one app at a time."""

import json
import sys
from pathlib import Path

import pytest

from sandbox.host.errors import AppFailure, HostError
from sandbox.host.runtime import IndexedApp, listing
from tests.sandbox.host.support import PARCELS

HEAD = "import azure.functions as func\napp = func.FunctionApp()\n"
ONE = HEAD + "@app.route(route='one')\ndef one(req: func.HttpRequest) -> str:\n    return 'one'\n"


def write_app(folder: Path, source: str) -> Path:
    (folder / "function_app.py").write_text(source, "utf-8")
    (folder / "host.json").write_text('{"version": "2.0"}', "utf-8")
    return folder


async def test_lists_every_function_with_its_raw_bindings() -> None:
    found = {function["name"]: function["bindings"] for function in await listing(PARCELS)}
    assert set(found) == {"receive", "lose", "plain", "handle", "count", "open_up"}
    assert {
        "direction": "OUT",
        "type": "queue",
        "name": "handled",
        "queueName": "handled",
        "connection": "PARCEL_STORAGE",
    } in found["handle"]
    assert [b["schedule"] for b in found["count"] if b["type"] == "timerTrigger"] == ["%COUNT_AT%"]
    http = next(b for b in found["receive"] if b["type"] == "httpTrigger")
    assert (http["route"], http["methods"], http["authLevel"]) == (
        "parcels/{name?}",
        ["GET", "POST"],
        "ANONYMOUS",
    )


async def test_an_http_function_is_invoked_with_its_outputs_returned_and_not_written() -> None:
    async with IndexedApp(PARCELS) as app:
        answer = await app.http(
            "receive",
            method="POST",
            url="http://x/api/parcels?a=%2541",
            headers={"X-Parcel": "h"},
            body=b'["x", "y"]',
            params={"name": "n"},
        )
    assert answer.status == 202
    assert answer.headers["x-seen"] == "1"
    assert answer.outputs == {"parcels": ["x", "y"]}
    assert json.loads(answer.body) == {
        "method": "POST",
        "name": "n",
        "query": {"a": "%41"},
        "header": "h",
        "body": 10,
    }


async def test_an_exception_of_the_app_is_500_with_its_text_and_without_outputs() -> None:
    async with IndexedApp(PARCELS) as app:
        answer = await app.http("lose", method="POST")
    assert (answer.status, dict(answer.outputs)) == (500, {})
    assert "dropped on the way" in (answer.error or "")


async def test_queue_and_timer_functions_are_invoked_natively() -> None:
    async with IndexedApp(PARCELS) as app:
        handled = await app.queue("handle", "box", dequeue_count=4)
        refused = await app.queue("handle", "fail")
        counted = await app.timer("count", past_due=True)
    assert json.loads(handled.outputs["handled"][0])["tries"] == 4
    assert (refused.ok, dict(refused.outputs)) == (False, {})
    assert counted.outputs == {"counted": ["past due"]}


async def test_a_second_live_app_is_refused_because_it_would_answer_for_the_first(tmp_path: Path) -> None:
    write_app(tmp_path, ONE)
    async with IndexedApp(PARCELS):
        with pytest.raises(HostError, match="still live"):
            async with IndexedApp(tmp_path):
                pass


async def test_the_next_app_is_imported_anew(tmp_path: Path) -> None:
    source = (
        "import os\n"
        + HEAD
        + "@app.route(route=os.environ['ROUTE'])\ndef one(req: func.HttpRequest) -> str:\n    return ''\n"
    )
    write_app(tmp_path, source)
    routes = []
    for route in ("first", "second"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ROUTE", route)
            routes += [b["route"] for b in (await listing(tmp_path))[0]["bindings"] if "route" in b]
    assert routes == ["first", "second"]
    assert "function_app" not in sys.modules
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "raise ValueError('TENANT_ID is missing\\nCLIENT_STATE is missing')\n",
            "TENANT_ID is missing\nCLIENT_STATE is missing",
        ),
        ("import nowhere_to_be_found\n", "nowhere_to_be_found"),
        ("x = 1\n", "Could not find top level function app"),
        (HEAD + "@app.route(route='a')\ndef a(wrong: int) -> str:\n    return ''\n", "a"),
        ("def broken(:\n", "SyntaxError"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
    ],
)
async def test_an_app_that_cannot_be_indexed_fails_with_its_own_message_whole(
    tmp_path: Path, source: str, message: str
) -> None:
    write_app(tmp_path, source)
    with pytest.raises(AppFailure) as caught:
        await listing(tmp_path)
    assert message in caught.value.message
    # And the process is free for another app.
    assert await listing(PARCELS)


async def test_a_failure_names_the_file_and_line_of_the_app(tmp_path: Path) -> None:
    (tmp_path / "inner.py").write_text("\n\nraise ValueError('no')\n", "utf-8")
    write_app(tmp_path, "import inner\n")
    with pytest.raises(AppFailure) as caught:
        await listing(tmp_path)
    assert caught.value.where == "inner.py, line 3"


async def test_a_missing_module_is_placed_at_the_import_and_not_in_python_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_app(tmp_path, "import nowhere_to_be_found\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AppFailure) as caught:
        await listing(tmp_path)
    assert caught.value.where == "function_app.py, line 1"


async def test_a_directory_without_an_app_says_so(tmp_path: Path) -> None:
    with pytest.raises(AppFailure, match=r"holds no function_app\.py"):
        await listing(tmp_path)


async def test_an_unknown_function_is_refused_naming_those_there_are() -> None:
    async with IndexedApp(PARCELS) as app:
        with pytest.raises(HostError, match="count, handle, lose, open_up, plain, receive"):
            app.function("nix")
