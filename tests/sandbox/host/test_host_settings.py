"""host.json, app settings in bindings, connections, routes: what is read and what is refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.host.appsettings import connection_string, is_disabled, resolve
from sandbox.host.errors import HostError
from sandbox.host.hostjson import HostJson, QueueOptions, read_host_json, seconds_of
from sandbox.host.runtime import Function
from sandbox.host.web import route_of


def write(folder: Path, **top: Any) -> Path:
    (folder / "host.json").write_text(json.dumps({"version": "2.0"} | top), "utf-8")
    return folder


def test_the_defaults_are_those_of_microsofts_page(tmp_path: Path) -> None:
    assert read_host_json(write(tmp_path)) == HostJson("api", 1800.0, QueueOptions(16, 8, 5, 0.0, 60.0, True))


def test_every_option_is_read(tmp_path: Path) -> None:
    queues = {
        "batchSize": 8,
        "newBatchThreshold": 3,
        "maxDequeueCount": 2,
        "visibilityTimeout": "00:00:30",
        "maxPollingInterval": "00:00:05",
        "messageEncoding": "none",
    }
    extensions = {"http": {"routePrefix": ""}, "queues": queues}
    found = read_host_json(write(tmp_path, functionTimeout="00:10:00", extensions=extensions))
    assert found == HostJson("", 600.0, QueueOptions(8, 3, 2, 30.0, 5.0, False))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batchSize", 33),
        ("batchSize", 0),
        ("batchSize", "8"),
        ("maxDequeueCount", 0),
        ("maxDequeueCount", True),
        ("visibilityTimeout", "30"),
        ("visibilityTimeout", 30),
        ("maxPollingInterval", "00:00:00.05"),
        ("messageEncoding", "utf8"),
    ],
)
def test_an_option_out_of_bounds_is_refused_by_its_key(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(HostError, match=rf"extensions\.queues\.{key}"):
        read_host_json(write(tmp_path, extensions={"queues": {key: value}}))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": "1.0"}'])
def test_a_host_json_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "host.json").write_text(text, "utf-8")
    with pytest.raises(HostError, match=r"host\.json"):
        read_host_json(tmp_path)


def test_a_missing_host_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="is missing"):
        read_host_json(tmp_path)


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        ("00:00:30", 30.0),
        ("01:02:03", 3723.0),
        ("1.00:00:00", 86400.0),
        ("00:00:00.25", 0.25),
        ("1:2", None),
        ("00:61:00", None),
    ],
)
def test_time_spans_are_those_of_dot_net(span: str, seconds: float | None) -> None:
    assert seconds_of(span) == seconds


def test_settings_are_put_in_wherever_they_are_named() -> None:
    assert resolve("%A%-%B%", {"A": "x", "B": "y"}, "it") == "x-y"
    with pytest.raises(HostError, match="it is %B%, but the app setting B isn't set"):
        resolve("%A%-%B%", {"A": "x", "B": ""}, "it")


def test_a_connection_is_looked_for_as_the_azure_host_does() -> None:
    assert connection_string("W", {"W": "plain", "AzureWebJobsW": "prefixed"}, "f") == "prefixed"
    assert connection_string("W", {"W": "plain"}, "f") == "plain"
    assert connection_string("", {"AzureWebJobsStorage": "own"}, "f") == "own"
    with pytest.raises(HostError, match="f: the app setting W isn't set"):
        connection_string("W", {}, "f")
    with pytest.raises(HostError, match="managed identity"):
        connection_string("W", {"W__queueServiceUri": "https://x"}, "f")


@pytest.mark.parametrize("name", ["AzureWebJobs.tick.Disabled", "AzureWebJobs_tick_Disabled"])
def test_a_function_is_switched_off_by_its_setting(name: str) -> None:
    assert is_disabled("tick", {name: "true"})
    assert is_disabled("tick", {name: "1"})
    assert not is_disabled("tick", {name: "false"})
    assert not is_disabled("tock", {name: "true"})


def http_function(route: str) -> Function:
    return Function("f", "id", ({"type": "httpTrigger", "direction": "IN", "name": "req", "route": route},))


@pytest.mark.parametrize(
    ("route", "path", "params"),
    [
        ("a/{x}", "/api/a/1", {"x": "1"}),
        ("a/{x}", "/api/a", None),
        ("a/{x}", "/api/a/1/2", None),
        ("a/{x?}", "/api/a", {"x": None}),
        ("a/{x:int}", "/api/a/12", {"x": "12"}),
        ("a/{x:int}", "/api/a/b", None),
        ("a/{*rest}", "/api/a/b/c", {"rest": "b/c"}),
        ("report.csv", "/api/report.csv", {}),
        ("report.csv", "/api/reportXcsv", None),
        ("Report", "/api/report", {}),
        ("", "/api/f", {}),
    ],
)
def test_route_templates_match_as_on_azure(
    route: str, path: str, params: dict[str, str | None] | None
) -> None:
    found = route_of(http_function(route), "api").pattern.fullmatch(path)
    assert (found.groupdict() if found else None) == params


@pytest.mark.parametrize("route", ["a/{x:regex(.*)}", "a/b{x}", "{x:unheard}"])
def test_a_route_that_this_host_does_not_know_is_refused(route: str) -> None:
    with pytest.raises(HostError):
        route_of(http_function(route), "api")


def test_an_app_setting_goes_over_host_json(tmp_path: Path) -> None:
    environ = {
        "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
        "AzureFunctionsJobHost__extensions__queues__batchSize": "3",
        "AzureFunctionsJobHost__functionTimeout": "00:00:30",
    }
    found = read_host_json(write(tmp_path, functionTimeout="00:10:00"), environ)
    assert (found.queues.visibility_timeout, found.queues.batch_size, found.function_timeout) == (
        1.0,
        3,
        30.0,
    )


def test_a_wrong_app_setting_is_named_like_the_key_it_replaces(tmp_path: Path) -> None:
    environ = {"AzureFunctionsJobHost__extensions__queues__batchSize": "99"}
    with pytest.raises(HostError, match=r"extensions\.queues\.batchSize is 99"):
        read_host_json(write(tmp_path), environ)
