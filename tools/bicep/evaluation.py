"""What an expression of Bicep comes to, for the part of the language that infra/ uses.

What only Azure knows (ids, addresses, principals of resources) comes to its own text in angle brackets.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tree_sitter import Node

from tools.bicep.syntax import File, line, text

TENANT = "00000000-0000-4000-8000-00000000000a"
SUBSCRIPTION = "00000000-0000-4000-8000-00000000000b"


_INSIDE = "=>"
"""Under which name the lambda is noted whose body is being looked at; no name of Bicep's is like it."""


class NotUnderstood(Exception):
    """An expression outside that part of the language; the message says where."""


_SURROUNDINGS: dict[str, Any] = {
    "tenant": {"tenantId": TENANT},
    "subscription": {"id": f"/subscriptions/{SUBSCRIPTION}", "subscriptionId": SUBSCRIPTION},
    "resourceGroup": {"id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-test", "name": "rg-test"},
    "environment": {
        "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
        "suffixes": {"storage": "core.windows.net", "keyvaultDns": ".vault.azure.net"},
    },
}


class Evaluation:
    """The values of one file, for parameters as `given`; a parameter that is not given has its default."""

    def __init__(self, file: File, given: Mapping[str, Any]) -> None:
        self._file = file
        self._given = dict(given)

    def value(self, node: Node, names: Mapping[str, Any] | None = None) -> Any:
        """What it comes to. `names`: of loops around it. Raises `NotUnderstood`."""
        names = names or {}
        inner = _leading_lambda(node)
        if inner is not None and names.get(_INSIDE) != inner.id:
            bound = _bound(inner)
            return lambda *args: self.value(
                node, {**names, **dict(zip(bound, args, strict=False)), _INSIDE: inner.id}
            )
        take = getattr(self, f"_{node.type}", None)
        if take is None:
            raise NotUnderstood(f"{self._file.path.name}:{line(node)}: {node.type}")
        return take(node, names)

    def _string(self, node: Node, names: Mapping[str, Any]) -> str:
        parts = []
        for child in node.named_children:
            if child.type == "interpolation":
                parts.append(_said(self.value(child.named_children[0], names)))
            elif child.type == "escape_sequence":
                parts.append({"\\n": "\n", "\\t": "\t"}.get(text(child), text(child)[1:]))
            else:
                parts.append(text(child))
        return "".join(parts)

    def _number(self, node: Node, names: Mapping[str, Any]) -> int:
        return int(text(node))

    def _boolean(self, node: Node, names: Mapping[str, Any]) -> bool:
        return text(node) == "true"

    def _null(self, node: Node, names: Mapping[str, Any]) -> None:
        return None

    def _array(self, node: Node, names: Mapping[str, Any]) -> list[Any]:
        return [self.value(child, names) for child in node.named_children if child.type != "comment"]

    def _object(self, node: Node, names: Mapping[str, Any]) -> dict[str, Any]:
        # What has one part only is a resource within the resource.
        pairs = [child.named_children for child in node.named_children if len(child.named_children) == 2]
        return {
            text(key) if key.type == "identifier" else self.value(key, names): self.value(value, names)
            for key, value in pairs
        }

    def _identifier(self, node: Node, names: Mapping[str, Any]) -> Any:
        name = text(node)
        if name in names:
            return names[name]
        if name in self._given:
            return self._given[name]
        if name in self._file.variables:
            return self.value(self._file.variables[name])
        if name in self._file.params:
            default = self._file.params[name].default
            return f"<{name}>" if default is None else self.value(default)
        return _Azure(name)

    def _member_expression(self, node: Node, names: Mapping[str, Any]) -> Any:
        return _member(self.value(node.named_children[0], names), text(node.named_children[-1]))

    def _resource_expression(self, node: Node, names: Mapping[str, Any]) -> Any:
        return _Azure(text(node))

    def _subscript_expression(self, node: Node, names: Mapping[str, Any]) -> Any:
        of, key = node.named_children
        return self.value(of, names)[self.value(key, names)]

    def _parenthesized_expression(self, node: Node, names: Mapping[str, Any]) -> Any:
        return self.value(node.named_children[0], names)

    def _ternary_expression(self, node: Node, names: Mapping[str, Any]) -> Any:
        condition, yes, no = node.named_children
        return self.value(yes if self.value(condition, names) else no, names)

    def _unary_expression(self, node: Node, names: Mapping[str, Any]) -> Any:
        return not self.value(node.named_children[0], names)

    def _binary_expression(self, node: Node, names: Mapping[str, Any]) -> Any:
        left, right = node.named_children[0], node.named_children[-1]
        sign = text(node.children[1])
        first = self.value(left, names)
        if sign == "&&":
            return first and self.value(right, names)
        if sign == "||":
            return first or self.value(right, names)
        second = self.value(right, names)
        signs: dict[str, Callable[[Any, Any], Any]] = {
            "==": lambda a, b: a == b,
            "!=": lambda a, b: a != b,
            ">": lambda a, b: a > b,
        }
        if sign not in signs:
            raise NotUnderstood(f"{self._file.path.name}:{line(left)}: {sign}")
        return signs[sign](first, second)

    def _lambda_expression(self, node: Node, names: Mapping[str, Any]) -> Any:
        return self.value(node.named_children[-1], names)

    def _for_statement(self, node: Node, names: Mapping[str, Any]) -> list[Any]:
        bound, over, body = _bound(node), *node.named_children[1:]
        found = []
        for number, one in enumerate(self.value(over, names)):
            inner = {**names, **dict(zip(bound, (one, number), strict=False))}
            if body.type == "if_statement":
                condition, then = body.named_children
                if self.value(condition, inner):
                    found.append(self.value(then, inner))
            else:
                found.append(self.value(body, inner))
        return found

    def _call_expression(self, node: Node, names: Mapping[str, Any]) -> Any:
        called, arguments = node.named_children
        name = text(called)
        if name in _SURROUNDINGS:
            return _SURROUNDINGS[name]
        values = [self.value(one, names) for one in arguments.named_children]
        if name in ("loadJsonContent", "loadTextContent"):
            content = (self._file.path.parent / values[0]).read_text()
            return json.loads(content) if name == "loadJsonContent" else content
        if name not in FUNCTIONS:
            raise NotUnderstood(f"{self._file.path.name}:{line(node)}: {name}()")
        return FUNCTIONS[name](*values)


@dataclass(frozen=True)
class _Azure:
    """Something of a resource that only Azure knows."""

    path: str

    def __str__(self) -> str:
        return f"<{self.path}>"

    def __getitem__(self, key: object) -> "_Azure":
        return _Azure(f"{self.path}[{key}]")


def _member(of: Any, name: str) -> Any:
    return _Azure(f"{of.path}.{name}") if isinstance(of, _Azure) else of[name]


def _leading_lambda(node: Node) -> Node | None:
    """The lambda that an expression begins with: the grammar binds `r => r.b` as `(r => r).b`."""
    while node.type in (
        "member_expression",
        "binary_expression",
        "subscript_expression",
        "ternary_expression",
    ):
        node = node.named_children[0]
    return node if node.type == "lambda_expression" else None


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bound(node: Node) -> list[str]:
    first = node.named_children[0]
    return [text(name) for name in (first.named_children or [first])]


def _union(*values: Any) -> Any:
    if all(isinstance(one, dict) for one in values):
        return {key: value for one in values for key, value in one.items()}
    return list(dict.fromkeys(item for one in values for item in one))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "concat": lambda *lists: [item for one in lists for item in one],
    "contains": lambda whole, part: part in whole,
    "empty": lambda value: not value,
    "first": lambda values: values[0],
    "filter": lambda values, keep: [one for one in values if keep(one)],
    "guid": lambda *parts: f"<guid of {', '.join(map(str, parts))}>",
    "int": int,
    "items": lambda value: [{"key": key, "value": value[key]} for key in sorted(value)],
    "map": lambda values, turn: [turn(one) for one in values],
    "replace": lambda whole, old, new: str(whole).replace(old, new),
    "resourceId": lambda kind, *rest: f"<id of {kind}/{'/'.join(map(str, rest))}>",
    "split": lambda whole, at: whole.split(at),
    "string": lambda value: value if isinstance(value, str) else json.dumps(value, separators=(",", ":")),
    "subscriptionResourceId": lambda kind, *rest: f"<id of {kind}/{'/'.join(map(str, rest))}>",
    "toLower": lambda value: str(value).lower(),
    "toObject": lambda values, key, value=None: {key(one): value(one) if value else one for one in values},
    "union": _union,
    "uniqueString": lambda *parts: "abcdefghijklm",
}
"""The functions of Bicep that infra/ uses, beside those that tell of the surroundings."""
