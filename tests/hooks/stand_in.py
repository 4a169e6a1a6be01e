"""`az` and `azd` as the hooks know them: a small Azure and a small directory, kept in one file.

The file is JSON: what there is, every call that was made, and what is to be refused. `az rest` complains as
the real one does: the reason of the status, and the answer in brackets.
"""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.az import answer

ROOT = Path(__file__).resolve().parents[2]
GRAPH_ROLES = (
    "User.Read.All",
    "Group.Read.All",
    "Organization.Read.All",
    "AuditLog.Read.All",
    "Policy.Read.All",
)
REASONS = {
    404: "Not Found",
    403: "Forbidden",
    401: "Unauthorized",
    400: "Bad Request",
    503: "Service Unavailable",
}


def install(folder: Path, state: Path) -> None:
    """Put both programs into the folder; `state`: where they keep what there is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("az", "azd"):
        file = folder / name
        where = f"PYTHONPATH={shlex.quote(str(ROOT))} STAND_IN={shlex.quote(str(state))}"
        file.write_text(
            f'#!/bin/sh\n{where} exec {shlex.quote(sys.executable)} -m tests.hooks.stand_in {name} "$@"\n'
        )
        file.chmod(0o755)


class Refuse(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code


PUBLIC = "https://login.microsoftonline.com"


class Azure:
    """What there is. Every change is written when the program ends."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def az(self, words: Sequence[str], given: str) -> Any:
        options = {word: words[at + 1] for at, word in enumerate(words[:-1]) if word.startswith("--")}
        self.state["calls"].append([*words, *([f"stdin:{given}"] if given else [])])
        what = " ".join(word for word in words[:3] if not word.startswith("-"))
        if what.startswith("account show"):
            if not self.state["signed_in"]:
                raise SystemExit("ERROR: Please run 'az login' to setup account.")
            return {"tenantId": self.state["tenant"], "id": "5ub"}
        if what.startswith("cloud show"):
            return self.state["login"]
        if what == "provider register":
            self.refused("REGISTER", options["--namespace"])
            return None
        if what == "keyvault secret show":
            self.refused("GET", f"/vault/{options['--name']}")
            value = self.state["secrets"].get(options["--name"])
            return {"value": value} if value else self.missing("SecretNotFound")
        if what.startswith("account get-access-token"):
            return answer(words, {"TENANT_ID": self.state["tenant"]}, datetime.now(UTC))
        if what == "deployment group create":
            return self.deployed(options["--template-file"], words[words.index("--parameters") + 1 :])
        assert words[0] == "rest", words
        body = json.loads(given) if given else None
        method, url = options["--method"], options["--url"]
        self.refused(method, url)
        return self.arm(method, url, body) if url.startswith("/") else self.graph(method, url, body)

    def refused(self, method: str, url: str) -> None:
        for rule in self.state["refuse"]:
            if rule["method"] == method and rule["contains"] in url and rule.get("times", 99) > 0:
                rule["times"] = rule.get("times", 99) - 1
                raise Refuse(rule["status"], rule["code"])

    def missing(self, code: str) -> Any:
        raise Refuse(404, code)

    def deployed(self, template: str, given: Sequence[str]) -> Any:
        self.refused("DEPLOY", template)
        assert (ROOT / template).is_file()
        values = dict(one.split("=", 1) for one in given if "=" in one)
        self.state["deployments"].append([template, values])
        made = {"REPORT_APP_ID": {"type": "String", "value": "app-by-template"}}
        return {"properties": {"outputs": made if template.startswith("infra/graph/") else {}}}

    def arm(self, method: str, url: str, body: Any) -> Any:
        path = url.partition("?")[0]
        name = path.rpartition("/")[2]
        if "/vaults/" in path:
            if method == "PUT":
                self.state["secrets"][name] = body["properties"]["value"]
            return {"name": name} if name in self.state["secrets"] else self.missing("SecretNotFound")
        if "/partnerTopics/" in path:
            return self.topic(method, path, body)
        if path.endswith("/config/appsettings/list"):
            return {"properties": self.state["app_settings"]}
        assert path.endswith("/refresh"), path
        return None

    def topic(self, method: str, path: str, body: Any) -> Any:
        topic = self.state["topic"]
        if topic is None:
            return self.missing("ResourceNotFound")
        if method == "POST":
            topic["activationState"] = "Activated"
        if "/eventSubscriptions/" in path:
            return self.event_subscription(method, topic, body)
        return {"properties": topic}

    def event_subscription(self, method: str, topic: Any, body: Any) -> Any:
        """It is made after it was asked for: `states` are what it is in, one after another."""
        states: list[str] = topic.setdefault("states", ["Creating", "Succeeded"])
        if method == "PUT":
            topic["subscription"] = body["properties"]
        state = states.pop(0) if len(states) > 1 else states[0]
        return {"properties": {**topic["subscription"], "provisioningState": state}}

    def graph(self, method: str, url: str, body: Any) -> Any:
        path = url.partition("/v1.0")[2].partition("?")[0]
        apps: dict[str, Any] = self.state["applications"]
        if path.startswith("/applications(uniqueName="):
            return self.application(method, path.split("'")[1], body)
        if path.startswith("/applications(appId="):
            found = [name for name, app in apps.items() if app["appId"] == path.split("'")[1]]
            return apps.pop(found[0]) and None if found else self.missing("Request_ResourceNotFound")
        if "/federatedIdentityCredentials" in path:
            app = next(one for one in apps.values() if one["id"] == path.split("/")[2])
            if method == "GET":
                return {"value": app["vouching"]}
            if method == "POST":
                app["vouching"].append({"id": "fic", **body})
            else:
                app["vouching"][0] |= body
            return None
        if path.endswith("/appRoleAssignedTo"):
            if method == "GET":
                service = path.split("/")[2]
                return {"value": [one for one in self.state["assigned"] if one["resourceId"] == service]}
            self.state["assigned"].append(body)
            return body
        return self.service(method, path, body)

    def application(self, method: str, name: str, body: Any) -> Any:
        apps: dict[str, Any] = self.state["applications"]
        if method == "PATCH":
            known = apps.setdefault(name, {"id": f"object-{name}", "appId": f"client-{name}", "vouching": []})
            known |= body
            return None
        return apps.get(name) or self.missing("Request_ResourceNotFound")

    def service(self, method: str, path: str, body: Any) -> Any:
        if "00000003-0000-0000-c000-000000000000" in path:
            roles = [
                {"value": one, "id": f"role-{one}", "allowedMemberTypes": ["Application"]}
                for one in GRAPH_ROLES
            ]
            # A delegated permission of the same name, which is another.
            return {
                "id": "graph",
                "appRoles": [*roles, {**roles[0], "id": "other", "allowedMemberTypes": ["User"]}],
            }
        services: dict[str, Any] = self.state["services"]
        if method == "POST":
            services[body["appId"]] = {"id": f"service-{body['appId']}", **body}
            return services[body["appId"]]
        return services.get(path.split("'")[1]) or self.missing("Request_ResourceNotFound")


def fresh(tenant: str) -> dict[str, Any]:
    """Nothing there yet; somebody is signed in to this tenant."""
    empty: dict[str, Any] = {
        name: {} for name in ("secrets", "applications", "services", "variables", "app_settings")
    }
    lists: dict[str, Any] = {name: [] for name in ("calls", "refuse", "deployments", "assigned")}
    return {**empty, **lists, "topic": None, "signed_in": True, "tenant": tenant, "login": PUBLIC}


def main(program: str, words: Sequence[str]) -> int:
    """Run one of them; its exit code."""
    file = Path(os.environ["STAND_IN"])
    state = json.loads(file.read_text())
    code = 0
    try:
        if program == "azd":
            state["calls"].append(["azd", *words])
            if words[:2] == ["env", "get-values"]:
                assert list(words[2:]) == ["--output", "json"]
                print(json.dumps(state["variables"]))
            else:
                assert list(words[:2]) == ["env", "set"]
                state["variables"][words[2]] = words[3]
        else:
            given = sys.stdin.read() if "@-" in words else ""
            answer = Azure(state).az(words, given)
            if answer is not None:
                print(json.dumps(answer))
    except Refuse as refusal:
        body = json.dumps({"error": {"code": refusal.code, "message": "said by the service"}})
        print(f"ERROR: {REASONS[refusal.status]}({body})", file=sys.stderr)
        code = 1
    finally:
        file.write_text(json.dumps(state))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
