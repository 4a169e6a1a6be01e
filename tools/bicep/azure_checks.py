"""Whether the templates do what Azure takes, and give nobody more than they need."""

import re
from collections.abc import Iterator
from typing import Any

from tree_sitter import Node

from tools.bicep.known import FLEX_REFUSES, OTHER_IDS, ROLES, WITHOUT_TAGS
from tools.bicep.syntax import File, line, names_in, plain, properties, text, walk
from tools.bicep.templates import Fault, Templates

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SECRET = re.compile(r"connectionstring|password|instrumentationkey|primarykey|sharedkey", re.IGNORECASE)
_SERVICE = "api"
_AZD = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?:=[^}]*)?\}")


def roles(all_: Templates) -> Iterator[Fault]:
    """Every id is one that is known; each row of roles.json is of the role that it names, and assigned."""
    known = {*ROLES.values(), *OTHER_IDS}
    for file in all_.files:
        for found in _GUID.finditer(file.path.read_text()):
            if found[0] not in known:
                where = file.path.read_text()[: found.start()].count("\n") + 1
                yield Fault("roles", all_.name(file.path), where, f"{found[0]} is no role that is known")
    name = all_.name(all_.infra / "roles.json")
    for row in all_.json("roles.json"):
        if ROLES.get(row["role"]) != row["id"]:
            yield Fault("roles", name, 0, f"{row['id']} is not {row['role']}")
        if not row["why"]:
            yield Fault("roles", name, 0, f"{row['role']} on {row['on']} wants a reason")
    yield from _assigned(all_)


def _assigned(all_: Templates) -> Iterator[Fault]:
    """Each row becomes one assignment, on one resource."""
    file = all_.file("app/roles.bicep")
    given = {"watchPrincipalId": "watch", "deployerPrincipalId": "deployer"}
    made = all_.values("Microsoft.Authorization/roleAssignments", **given)
    got = sorted((one["properties"]["description"], one["properties"]["principalId"]) for one in made)
    wanted = sorted((row["why"], row["to"]) for row in all_.json("roles.json"))
    if got != wanted:
        yield Fault("roles", all_.name(file.path), 0, "not every row of roles.json is assigned once")
    for one in made:
        if not one.get("scope"):
            yield Fault("roles", all_.name(file.path), 0, "a role is assigned on the whole resource group")


def flex(all_: Templates) -> Iterator[Fault]:
    """Nothing is set that Flex Consumption refuses."""
    for file in all_.files:
        for node in walk(file.root):
            if node.type == "object_property":
                key = node.named_children[0]
                name = plain(key) if key.type == "string" else text(key)
                if name in FLEX_REFUSES:
                    yield Fault("flex", all_.name(file.path), line(node), f"Flex Consumption refuses {name}")
    for name in all_.parameters.get("watchSettings", {}):
        if name in FLEX_REFUSES:
            where = all_.name(all_.infra / "main.parameters.json")
            yield Fault("flex", where, 0, f"Flex Consumption refuses {name}")


def secrets(all_: Templates) -> Iterator[Fault]:
    """No output says a secret, not even an output of a module: deployments keep them for anyone to read."""
    for file in all_.files:
        for output in file.outputs.values():
            if reason := _secret_in(file, output.value, set()):
                yield Fault("secrets", all_.name(file.path), output.line, f"{output.name} says {reason}")
        for param in file.params.values():
            if param.secure and param.default is not None and plain(param.default) != "":
                yield Fault("secrets", all_.name(file.path), param.line, f"{param.name} has a default")


def _secret_in(file: File, node: Node, seen: set[str]) -> str:
    """Why the expression is a secret; empty if it is none."""
    for one in walk(node):
        if one.type == "call_expression":
            called = text(one.named_children[0])
            if called.startswith("list") or called == "getSecret":
                return f"{called}()"
        if one.type == "property_identifier" and (
            _SECRET.search(text(one)) or re.match(r"list[A-Z]|getSecret", text(one))
        ):
            return text(one)
    for name in names_in(node):
        said = text(name)
        if said in file.params and file.params[said].secure:
            return f"the secure parameter {said}"
        if said in file.variables and said not in seen:
            seen.add(said)
            if reason := _secret_in(file, file.variables[said], seen):
                return reason
    return ""


def tags(all_: Templates) -> Iterator[Fault]:
    """Everything that can be tagged says of which azd environment it is, and the app of which service."""
    main = all_.main
    name = all_.name(main.path)
    own = properties(main.variables["tags"]) if "tags" in main.variables else {}
    if "azd-env-name" not in own or text(own["azd-env-name"]) != "environmentName":
        yield Fault("tags", name, 0, "the variable `tags` must say azd-env-name: environmentName")
    for file, resource in all_.made():
        if resource.kind.startswith(WITHOUT_TAGS):
            continue
        node = properties(resource.body).get("tags")
        if node is None or "tags" not in {text(one) for one in names_in(node)}:
            place = all_.name(file.path), resource.line
            yield Fault("tags", *place, f"{resource.symbol} is not tagged")
    for module in main.modules.values():
        if "tags" in module.params and text(module.params["tags"]) != "tags":
            yield Fault("tags", name, module.line, f"{module.symbol} is given other tags")
    for one in all_.values("Microsoft.Web/sites", tags={}, maximumInstanceCount=1, alwaysReady=1):
        if one["tags"].get("azd-service-name") != _SERVICE:
            yield Fault("tags", "infra/app/function-app.bicep", 0, f"azd-service-name must be {_SERVICE}")


def parameter_file(all_: Templates) -> Iterator[Fault]:
    """main.parameters.json gives what main.bicep declares, each from an azd variable."""
    name = all_.name(all_.infra / "main.parameters.json")
    declared, given = all_.main.params, all_.parameters
    for one in sorted(given.keys() - declared.keys()):
        yield Fault("parameter-file", name, 0, f"main.bicep has no parameter {one}")
    for one in sorted(declared.keys() - given.keys()):
        yield Fault("parameter-file", name, 0, f"the parameter {one} can't be set")
    for one, value in sorted(given.items()):
        yield from _azd(name, one, value)


def _azd(name: str, one: str, value: Any) -> Iterator[Fault]:
    """A value is one azd variable; a setting's, the one of its own name."""
    if isinstance(value, dict):
        for setting, said in value.items():
            found = _AZD.fullmatch(said)
            if not found or found[1] != setting:
                yield Fault("parameter-file", name, 0, f"{setting} must be ${{{setting}}}")
    elif not isinstance(value, str) or not _AZD.fullmatch(value):
        yield Fault("parameter-file", name, 0, f"{one} must be one azd variable")
