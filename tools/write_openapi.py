"""Writes docs/openapi.json: every HTTP route of the app, what it takes and every answer (`make openapi`).

What can be asked for (states, kinds, languages, lengths) comes from the code that reads it; the words stand
here. Tests hold the file against the routes that the app registers, and against what a running app answers
(`tests/abuse`).
"""

from pathlib import Path
from typing import Any

from shared.graph.notifications import MAX_BODY, MAX_TOKEN
from shared.model import Severity, State
from shared.report.rows import DIFFERING, LARGEST, LONGEST_TEXT, SORTS
from shared.rules.kinds import KINDS
from shared.texts.catalogue import languages
from shared.watch.access import ROLE
from tools.schemas import Schema, laid_out

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "openapi.json"

_DESCRIPTION = (
    "Every HTTP route that the app serves under its prefix `api`. With `DELIVERY=eventgrid` the two routes "
    "for Graph aren't there: events come through the platform's own address for Event Grid. Where App "
    "Service signs people in, it answers those who have not, before the app is asked. Any other path "
    "is 404 and any other method 405, by the platform. A body over 1 MiB is refused by the app; 500 is what "
    "the platform answers where storage could not be written: Graph then calls again. See docs/security.md "
    "and docs/report.md."
)
_TEXT, _HTML, _CSV, _JSON = "text/plain", "text/html", "text/csv", "application/json"
_SENTENCE: Schema = {"type": "string"}
_PAGES = 1_000_000


def page() -> str:
    """The file's text."""
    return laid_out(document()) + "\n"


def document() -> Schema:
    """The whole description, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SSPR License Watch",
            "version": "1",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {"url": "https://{app}.azurewebsites.net/api", "variables": {"app": {"default": "your-app"}}},
            {"url": "http://127.0.0.1:7170/api", "description": "the sandbox"},
        ],
        "paths": {
            "/graph/notifications": {
                "post": _heard("notifications", "Changes of users and groups, from Graph.")
            },
            "/graph/lifecycle": {"post": _heard("lifecycle", "What Graph says of its subscriptions.")},
            "/health": {"get": _health()},
            "/report": {"get": _report("page", "Where the tenant stands, as a page.", _HTML, [_language()])},
            "/report.csv": {"get": _report("csv", "Users to act on, for a spreadsheet.", _CSV, _query())},
            "/report.json": {
                "get": _report("json", "The whole report for programs.", _JSON, [_language()], _a("Report"))
            },
            "/report/rows": {
                "get": _report("rows", "A page of the users to act on.", _JSON, _query(), _a("Rows"))
            },
            "/report/user": {"get": _report("user", "One user's history.", _JSON, _one(), _a("User"))},
        },
        "components": {
            "schemas": _schemas(),
            "responses": {
                "sentence": {
                    "description": "One sentence that says why not.",
                    "content": _as(_TEXT, _SENTENCE),
                },
            },
            "securitySchemes": {
                "signIn": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"Sign-in by App Service to your tenant, with the app role {ROLE}.",
                },
                "localKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Watch-Key",
                    "description": "The sandbox's key; accepted only where the app's address is loopback.",
                },
                "password": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The same key as a password, for a browser in the sandbox; any name does.",
                },
            },
        },
    }


# --- operations ---------------------------------------------------------------------------------------------


def _heard(name: str, summary: str) -> Schema:
    token = {
        "name": "validationToken",
        "in": "query",
        "required": False,
        "schema": {"type": "string", "maxLength": MAX_TOKEN},
        "description": "Graph's handshake: given back as it is, whatever the body is.",
    }
    refused = {"description": "One sentence that says what is wrong.", "content": _as(_TEXT, _SENTENCE)}
    return {
        "operationId": f"graph_{name}",
        "summary": summary,
        "description": "Anyone may call. Each item proves itself by tenantId and clientState; what is "
        "forged, foreign or malformed changes nothing and is counted.",
        "security": [],
        "parameters": [token],
        "requestBody": {
            "required": False,
            "description": f"At most {MAX_BODY} bytes, UTF-8. The content type is not looked at.",
            "content": _as(_JSON, _a("Notifications")),
        },
        "responses": {
            "200": {"description": "The token of the handshake.", "content": _as(_TEXT, _SENTENCE)},
            "202": {"description": "Taken. Says nothing of what was believed."},
            "400": refused,
            "413": refused,
            "500": {"description": "A queue could not be written; Graph calls again."},
        },
    }


def _health() -> Schema:
    either = {"anyOf": [_a("Word"), _a("Detail")]}
    return {
        "operationId": "health",
        "summary": "One word to anyone; the reasons to whoever may see them.",
        "security": [{}, *_let_in()],
        "responses": {
            "200": {"description": "`ok` or `starting`.", "content": _as(_JSON, either)},
            "403": {"description": "What was sent does not let in.", "content": _as(_JSON, _a("Fault"))},
            "503": {"description": "`unwell`.", "content": _as(_JSON, either)},
        },
    }


def _report(name: str, summary: str, kind: str, asked: list[Schema], shape: Schema | None = None) -> Schema:
    sentence = {"$ref": "#/components/responses/sentence"}
    return {
        "operationId": f"report_{name}" if name != "page" else "report",
        "summary": summary,
        "security": _let_in(),
        "parameters": asked,
        "responses": {
            "200": {"description": "What was asked for.", "content": _as(kind, shape or _SENTENCE)},
            "400": sentence,
            "401": sentence,
            "403": sentence,
            "503": sentence,
        },
    }


def _let_in() -> list[Schema]:
    return [{"signIn": []}, {"localKey": []}, {"password": []}]


# --- parameters ---------------------------------------------------------------------------------------------


def _language() -> Schema:
    return _parameter("language", {"enum": list(languages())}, "Else the language of the watch.")


def _query() -> list[Schema]:
    return [
        _parameter(
            "text", {"type": "string", "maxLength": LONGEST_TEXT}, "Part of name, sign-in name or id."
        ),
        _several("states", State, "Of these states."),
        _several("kinds", (*KINDS, DIFFERING), "With an open finding of one of these kinds."),
        _several("severity", Severity, "Of these severities."),
        _parameter("sort", {"enum": list(SORTS)}, "The order."),
        _parameter("descending", {"type": "boolean"}, "Turns the order round."),
        _parameter("page", {"type": "integer", "minimum": 1, "maximum": _PAGES}, "From 1."),
        _parameter("size", {"type": "integer", "minimum": 1, "maximum": LARGEST}, "Rows to a page."),
        _language(),
    ]


def _one() -> list[Schema]:
    return [
        {**_parameter("id", {"type": "string", "format": "uuid"}, "The user's object id."), "required": True},
        _language(),
    ]


def _parameter(name: str, shape: Schema, words: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": shape, "description": words}


def _several(name: str, values: Any, words: str) -> Schema:
    shape = {"type": "array", "items": {"enum": [str(one) for one in values]}}
    return {**_parameter(name, shape, f"{words} Parted by commas."), "style": "form", "explode": False}


# --- shapes -------------------------------------------------------------------------------------------------


def _schemas() -> Schema:
    text = {"type": "string"}
    guid = {"type": "string", "format": "uuid"}
    item = {
        "type": "object",
        "properties": {
            "tenantId": guid,
            "clientState": text,
            "subscriptionId": guid,
            "changeType": {"enum": ["created", "updated", "deleted"]},
            "lifecycleEvent": {"enum": ["reauthorizationRequired", "subscriptionRemoved", "missed"]},
            "resource": text,
            "resourceData": {
                "type": ["object", "null"],
                "properties": {"id": guid, "@odata.type": text, "members@delta": {"type": "array"}},
            },
        },
    }
    return {
        "Notifications": _object({"value": {"type": "array", "items": item}}),
        "Word": _object({"status": {"enum": ["ok", "starting", "unwell"]}}),
        "Detail": _object({"status": {"enum": ["ok", "starting", "unwell"]}, "problems": {"type": "array"}}),
        "Fault": _object({"error": text}),
        "Report": {
            **_object(
                {"schema": {"type": "integer"}, "report": {"type": "object"}, "users": {"type": "array"}}
            ),
            "description": "report.schema.json says all of it.",
            "required": ["schema", "report", "users"],
        },
        "Rows": _object(
            {"total": {"type": "integer", "minimum": 0}, "rows": {"type": "array", "items": _a("Row")}}
        ),
        "Row": {
            **_object({"id": guid, "upn": text, "name": text, "state": text}),
            "additionalProperties": True,
        },
        "User": _object(
            {
                "row": {"anyOf": [_a("Row"), {"type": "null"}]},
                "episodes": {"type": "array", "items": {"type": "object"}},
                "whole": {"type": "boolean"},
            }
        ),
    }


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _a(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _as(kind: str, shape: Schema) -> Schema:
    return {kind: {"schema": shape}}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
