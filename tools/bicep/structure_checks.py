"""Whether the templates hold together: what is used exists, and what exists is used."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from tools.bicep.syntax import File, bound_in, line, names_in, plain, properties, text, walk
from tools.bicep.templates import Fault, Templates

_NAMESPACES = ("az", "sys")
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
_KIND = re.compile(r"Microsoft\.[A-Za-z]+(/[A-Za-z][A-Za-z0-9]*)+")
_NESTED = re.compile(r"[a-z][A-Za-z0-9]*")


def syntax(all_: Templates) -> Iterator[Fault]:
    """Every file parses."""
    for file in all_.files:
        for where in file.errors:
            yield Fault("syntax", all_.name(file.path), where, "can't be parsed")


def modules(all_: Templates) -> Iterator[Fault]:
    """Every module's file is there, and a deployment of a subscription says into which group it goes."""
    for file in all_.files:
        for module in file.modules.values():
            found = all_.find(file.path.parent / module.path)
            place = all_.name(file.path), module.line
            if found is None:
                yield Fault("modules", *place, f"there is no {module.path}")
            elif found.scope != file.scope and "scope" not in properties(module.body):
                yield Fault("modules", *place, f"{module.symbol} needs a scope: it is for a {found.scope}")


def parameters(all_: Templates) -> Iterator[Fault]:
    """What a module is given it declares, what it wants it is given, and what is declared is used."""
    for file in all_.files:
        for module in file.modules.values():
            found = all_.find(file.path.parent / module.path)
            if found is None:
                continue
            place = all_.name(file.path), module.line
            for name in module.params.keys() - found.params.keys():
                yield Fault("parameters", *place, f"{module.path} has no parameter {name}")
            wanted = {name for name, param in found.params.items() if param.default is None}
            for name in sorted(wanted - module.params.keys()):
                yield Fault("parameters", *place, f"{module.path} wants the parameter {name}")
            for name, value in module.params.items():
                yield from _allowed(all_, file, found, name, value)
        used = _used(file)
        for param in file.params.values():
            if param.name not in used:
                yield Fault("parameters", all_.name(file.path), param.line, f"{param.name} is never used")


def _allowed(all_: Templates, file: File, found: File, name: str, value: Node) -> Iterator[Fault]:
    allowed = found.params[name].decorators.get("allowed") if name in found.params else None
    said = plain(value)
    if allowed is not None and said is not None:
        words = [plain(one) for one in allowed.named_children]
        if said not in words:
            yield Fault("parameters", all_.name(file.path), line(value), f"{name} may not be {said}")


def symbols(all_: Templates) -> Iterator[Fault]:
    """Every name stands for something, and every output that is read is one of the module."""
    for file in all_.files:
        declared = {*file.params, *file.variables, *file.modules, *_NAMESPACES}
        declared |= {resource.symbol for resource in file.resources}
        for top in file.root.named_children:
            known = declared | bound_in(top)
            for used in _values_of(top):
                if text(used) not in known:
                    yield Fault("symbols", all_.name(file.path), line(used), f"{text(used)} is nothing")
        yield from _hidden(all_, file, declared - {*_NAMESPACES})
        for where, module, name in _outputs_read(file):
            found = all_.find(file.path.parent / file.modules[module].path)
            if found is not None and name not in found.outputs:
                yield Fault("symbols", all_.name(file.path), where, f"{module} has no output {name}")


def _hidden(all_: Templates, file: File, declared: set[str]) -> Iterator[Fault]:
    """A function can't be called in a file that declares something of its name (Bicep: BCP265)."""
    for node in walk(file.root):
        if node.type == "call_expression" and text(node.named_children[0]) in declared:
            said = f"{text(node.named_children[0])}() is hidden by what the file calls so"
            yield Fault("symbols", all_.name(file.path), line(node), said)


def unused(all_: Templates) -> Iterator[Fault]:
    """Every variable and every existing resource is used, and every output of a module read."""
    read = set()
    for file in all_.files:
        for _, module, name in _outputs_read(file):
            found = all_.find(file.path.parent / file.modules[module].path)
            if found is not None:
                read.add((found.path, name))
    roots = {file.path for file in all_.files if file.path.name == "main.bicep"}
    for file in all_.files:
        used = _used(file)
        for name, node in file.variables.items():
            if name not in used:
                yield Fault("unused", all_.name(file.path), line(node), f"{name} is never used")
        for resource in file.resources:
            if resource.existing and resource.symbol not in used | _nested_used(file):
                yield Fault("unused", all_.name(file.path), resource.line, f"{resource.symbol} is never used")
        for output in file.outputs.values():
            if file.path not in roots and (file.path, output.name) not in read:
                yield Fault("unused", all_.name(file.path), output.line, f"{output.name} is never read")


def content(all_: Templates) -> Iterator[Fault]:
    """Every file that a template loads is there, and every query is loaded by one."""
    loaded = set()
    for file in all_.files:
        for node in walk(file.root):
            if node.type != "call_expression" or not text(node.named_children[0]).startswith("load"):
                continue
            name = plain(node.named_children[1].named_children[0])
            path = (file.path.parent / (name or "")).resolve()
            loaded.add(path)
            if not path.is_file():
                yield Fault("content", all_.name(file.path), line(node), f"there is no {name}")
    for query in sorted((all_.infra / "queries").glob("*.kql")):
        if query.resolve() not in loaded:
            yield Fault("content", all_.name(query), 0, "no alert and no workbook loads it")


def versions(all_: Templates) -> Iterator[Fault]:
    """Every resource is of a well-formed type and API version, one type of one version everywhere."""
    seen: dict[str, str] = {}
    for file in all_.files:
        for resource in file.resources:
            place = all_.name(file.path), resource.line
            said = f"{resource.kind}@{resource.version}"
            graph = resource.kind.startswith("Microsoft.Graph/") and resource.version == "v1.0"
            nested = not resource.version and _NESTED.fullmatch(resource.kind.rpartition("/")[2])
            if not _KIND.fullmatch(resource.kind) or not (
                graph or nested or _VERSION.fullmatch(resource.version)
            ):
                yield Fault("versions", *place, f"{said} is not well formed")
            elif resource.version and seen.setdefault(resource.kind, resource.version) != resource.version:
                yield Fault("versions", *place, f"{said}: elsewhere it is {seen[resource.kind]}")


def extensions(all_: Templates) -> Iterator[Fault]:
    """Only infra/graph uses the Graph extension, and it is one that bicepconfig.json knows."""
    known = all_.json("bicepconfig.json")["extensions"]
    for file in all_.files:
        name = all_.name(file.path)
        graph = any(resource.kind.startswith("Microsoft.Graph/") for resource in file.resources)
        if graph and not file.extensions:
            yield Fault("extensions", name, 0, "needs the line `extension microsoftGraphV1`")
        for extension in file.extensions:
            if extension not in known:
                yield Fault("extensions", name, 0, f"bicepconfig.json knows no {extension}")
            if file.path.parent.name != "graph":
                yield Fault("extensions", name, 0, "only infra/graph may need rights in the directory")


def _values_of(top: Node) -> Iterator[Node]:
    """The names that a declaration uses: what it declares itself is none of them."""
    if top.type in ("target_scope_assignment", "decorators", "comment"):
        return
    head = 2 if top.type in ("parameter_declaration", "output_declaration") else 1
    for child in top.named_children[head:]:
        yield from _without_declared(child)


def _without_declared(node: Node) -> Iterator[Node]:
    for name in names_in(node):
        parent = name.parent
        if parent is not None and parent.type == "resource_declaration" and parent.named_children[0] == name:
            continue
        if parent is not None and parent.type in ("loop_variable", "loop_enumerator"):
            continue
        yield name


def _used(file: File) -> set[str]:
    return {text(name) for top in file.root.named_children for name in _values_of(top)}


def _nested_used(file: File) -> set[str]:
    """Resources within resources are named behind `::`."""
    found = (node for node in walk(file.root) if node.type == "resource_expression")
    return {text(node.named_children[-1]) for node in found}


def _outputs_read(file: File) -> Iterator[tuple[int, str, str]]:
    """Line, module and name of every `module.outputs.name`."""
    for node in walk(file.root):
        if node.type != "member_expression":
            continue
        of, name = node.named_children[0], node.named_children[-1]
        if of.type == "member_expression" and text(of.named_children[-1]) == "outputs":
            module = text(of.named_children[0])
            if module in file.modules:
                yield line(node), module, text(name)
