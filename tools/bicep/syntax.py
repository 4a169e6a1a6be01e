"""Bicep files as their declarations: parameters, variables, resources, modules, outputs.

Parsed by tree-sitter, whose grammar does not know the line `extension …`: it is put out of the way first.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_EXTENSION = re.compile(rb"^extension (\w+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Param:
    """One parameter. `decorators` by name, with the node of their first argument, if there is one."""

    name: str
    line: int
    type: str
    default: Node | None
    decorators: dict[str, Node | None]

    @property
    def secure(self) -> bool:
        return "secure" in self.decorators


@dataclass(frozen=True)
class Resource:
    """One resource. `body` is its object; `loop` the `for` around it, None if there is none."""

    symbol: str
    kind: str
    version: str
    line: int
    existing: bool
    body: Node
    loop: Node | None


@dataclass(frozen=True)
class Module:
    """One module. `path` as it is written; `params` by name."""

    symbol: str
    path: str
    line: int
    body: Node
    params: dict[str, Node]


@dataclass(frozen=True)
class Output:
    name: str
    line: int
    value: Node


@dataclass
class File:
    """One file and what it declares. `errors`: lines that could not be parsed."""

    path: Path
    root: Node
    errors: list[int]
    scope: str = "resourceGroup"
    extensions: list[str] = field(default_factory=list)
    params: dict[str, Param] = field(default_factory=dict)
    variables: dict[str, Node] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    modules: dict[str, Module] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)


def read(path: Path) -> File:
    """Parse a file. What can't be parsed is in `errors`, and the declarations are then of no use."""
    source = path.read_bytes()
    extensions = [found[1].decode() for found in _EXTENSION.finditer(source)]
    root = _PARSER.parse(_EXTENSION.sub(lambda found: b"/" * len(found[0]), source)).root_node
    errors = [line(node) for node in walk(root) if node.is_error or node.is_missing]
    file = File(path, root, errors, extensions=extensions)
    decorators: dict[str, Node | None] = {}
    for node in root.named_children:
        if node.type == "decorators":
            decorators = dict(_decorators(node))
            continue
        _declare(file, node, decorators)
        decorators = {}
    return file


def walk(node: Node) -> Iterator[Node]:
    """The node and everything under it."""
    yield node
    for child in node.children:
        yield from walk(child)


def line(node: Node) -> int:
    """Its line, from 1."""
    return node.start_point[0] + 1


def text(node: Node) -> str:
    """What is written there."""
    return (node.text or b"").decode()


def plain(node: Node) -> str | None:
    """The text of a string without interpolation, its escapes as they are written; None for anything else."""
    if node.type != "string" or any(child.type == "interpolation" for child in node.children):
        return None
    return "".join(
        text(child) for child in node.children if child.type in ("string_content", "escape_sequence")
    )


def properties(node: Node) -> dict[str, Node]:
    """The properties of an object, by name; names that are computed are left out."""
    found = {}
    for child in node.named_children:
        if child.type == "object_property" and len(child.named_children) == 2:
            key, value = child.named_children
            name = plain(key) if key.type == "string" else text(key)
            if name is not None:
                found[name] = value
    return found


def names_in(node: Node) -> Iterator[Node]:
    """Every identifier under the node that stands for a value: no keys, no properties, no functions."""
    if node.type == "identifier":
        yield node
        return
    children = list(node.children)
    named = node.named_children
    if node.type == "object_property" and len(named) == 2 and named[0].type == "identifier":
        children = [named[1]]
    elif node.type == "call_expression" and named and named[0].type == "identifier":
        children = named[1:]
    elif node.type == "resource_expression":
        children = named[:1]
    elif node.type in ("type", "primitive_type", "decorators"):
        children = []
    for child in children:
        yield from names_in(child)


def bound_in(node: Node) -> set[str]:
    """The names that loops and lambdas under the node give to what they go through."""
    found = set()
    for one in walk(node):
        if one.type in ("for_statement", "lambda_expression"):
            first = one.named_children[0]
            found |= {text(name) for name in (first.named_children or [first])}
    return found


def _decorators(node: Node) -> Iterator[tuple[str, Node | None]]:
    for decorator in node.named_children:
        for call in decorator.named_children:
            if call.type == "call_expression":
                name, arguments = call.named_children
                given = arguments.named_children
                yield text(name), given[0] if given else None


def _declare(file: File, node: Node, decorators: dict[str, Node | None]) -> None:
    parts = node.named_children
    if node.type == "target_scope_assignment":
        file.scope = plain(parts[-1]) or ""
    elif node.type == "parameter_declaration":
        default = parts[2] if len(parts) > 2 else None
        name = text(parts[0])
        file.params[name] = Param(name, line(node), text(parts[1]), default, decorators)
    elif node.type == "variable_declaration":
        file.variables[text(parts[0])] = parts[-1]
    elif node.type == "output_declaration":
        name = text(parts[0])
        file.outputs[name] = Output(name, line(node), parts[-1])
    elif node.type == "module_declaration":
        body = _body(parts[-1])
        inner = properties(body)
        params = properties(inner["params"]) if "params" in inner else {}
        file.modules[text(parts[0])] = Module(text(parts[0]), plain(parts[1]) or "", line(node), body, params)
    elif node.type == "resource_declaration":
        _declare_resource(file, node, "")


def _declare_resource(file: File, node: Node, parent: str) -> None:
    parts = node.named_children
    kind, _, version = (plain(parts[1]) or "").partition("@")
    full = f"{parent}/{kind}" if parent else kind
    body = _body(parts[-1])
    loop = parts[-1] if parts[-1].type == "for_statement" else None
    existing = any(child.type == "existing" for child in node.children)
    file.resources.append(Resource(text(parts[0]), full, version, line(node), existing, body, loop))
    for child in body.named_children:
        inner = child.named_children
        if child.type == "object_property" and len(inner) == 1 and inner[0].type == "resource_declaration":
            _declare_resource(file, inner[0], full)


def _body(node: Node) -> Node:
    """The object of a declaration, inside its loop and condition."""
    while node.type in ("for_statement", "if_statement"):
        node = node.named_children[-1]
    return node
