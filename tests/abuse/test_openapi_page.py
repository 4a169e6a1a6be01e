"""docs/openapi.json: valid OpenAPI, written from the code, and every route of the app and no other."""

from pathlib import Path

import azure.functions as func
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from functions import notifications, reporting
from shared.report.rows import _READERS
from tests.abuse.described import DOCUMENT, OPERATIONS, ROOT, TEXT, stated
from tools import write_openapi


def registered() -> dict[tuple[str, str], str]:
    """Each HTTP route that the app registers: its function by method and path."""
    app = func.FunctionApp()
    for room in (notifications, reporting):
        app.register_functions(room.bp)
    found = {}
    for function in app.get_functions():
        trigger = function.get_trigger()
        assert trigger is not None
        told = trigger.get_dict_repr()
        for method in told["methods"]:
            found[str(getattr(method, "value", method)), f"/{told['route']}"] = str(
                function.get_function_name()
            )
    return found


def test_the_file_is_what_the_tool_writes() -> None:
    assert write_openapi.page() == TEXT, "run: make openapi"


def test_the_file_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [str(fault) for fault in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []
    # The check can fail: nothing is valid without its heading.
    assert not OPENAPI_31_VALIDATOR.is_valid({**DOCUMENT, "info": {}})


def test_every_reference_leads_somewhere() -> None:
    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [one for inner in value.values() for one in references(inner)]
        return [one for inner in value for one in references(inner)] if isinstance(value, list) else []

    found = set(references(DOCUMENT))
    assert len(found) >= 8
    for one in found:
        place: object = DOCUMENT
        for step in one.removeprefix("#/").split("/"):
            assert isinstance(place, dict)
            place = place[step]


def test_no_route_is_missing_and_none_is_invented() -> None:
    routes = registered()
    assert routes.keys() == OPERATIONS.keys()
    for route, name in routes.items():
        assert OPERATIONS[route]["operationId"] == name


def test_whatever_else_answers_http_is_found_by_the_same_look() -> None:
    """A room that serves HTTP and is not looked at above would be missing from the file unseen."""
    rooms = {file.stem for file in Path(ROOT / "functions").glob("*.py") if "bp.route(" in file.read_text()}
    assert rooms == {"notifications", "reporting"}


@pytest.mark.parametrize("path", ["/report.csv", "/report/rows"])
def test_the_parameters_of_a_query_are_those_that_are_read(path: str) -> None:
    named = {one["name"] for one in OPERATIONS["GET", path]["parameters"]}
    assert named == {*_READERS, "language"}


def test_who_is_let_in_is_said_of_every_route() -> None:
    for (_, path), operation in OPERATIONS.items():
        names = {name for way in operation["security"] for name in way}
        if path.startswith("/graph"):
            assert operation["security"] == []
            assert {200, 202, 400, 413} <= stated("POST", path)
        else:
            assert names == set(DOCUMENT["components"]["securitySchemes"])
            assert ({} in operation["security"]) is (path == "/health")
