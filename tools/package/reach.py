"""Which modules of msgraph-sdk the app can reach; the rest, some 16,000 files, stay out of the package.

msgraph-sdk 1.65 imports a request builder or a model inside the property or method that gives it. So what can
ever be imported follows from what our code mentions:

1. Start with the modules that the app's code, or another package that it ships, imports by name.
2. Of a module that is reached, imports at its top and in class bodies always count, and those in methods that
   Python calls by itself (`__init__` and the like). `if TYPE_CHECKING:` never runs.
3. An import inside any other function counts if the function's *name* occurs as a name or attribute anywhere
   in the app's code, or in what is reached of msgraph itself; whose attribute it is doesn't matter.
4. Until nothing new is found.

That takes too much (any `.settings` of ours counts as every `settings` property of a reached builder), and
nothing too little, with one exception that is meant: Kiota calls `create_from_discriminator_value` and
`get_field_deserializers` of a *typed* model. The app takes every answer as bytes, so that neither name occurs
in it (design §6), and the models' own models stay out. Code that began to use typed answers would mention
them, or fail at its first call with a ModuleNotFoundError that names the module. Access by computed name
(`getattr(builder, name)`) is not seen either; a literal name is. The stories run against the package to
prove all this.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

SDK = "msgraph"


class Reach:
    """A closed set of modules: `Reach(site_packages, callers).modules`.

    `callers` are the source files of the app. Other packages in `site_packages` that import the SDK are
    looked for and taken as callers as well.
    """

    def __init__(self, site_packages: Path, callers: Iterable[Path]) -> None:
        self._site = site_packages
        self._trees: dict[str, ast.Module] = {}
        self._files: dict[str, Path] = {}
        sources = [*callers, *_importers(site_packages)]
        self._names: set[str] = set()
        wanted: set[str] = set()
        for source in sources:
            tree = ast.parse(source.read_bytes(), str(source))
            self._names |= set(_mentioned(tree))
            wanted |= {name for name in _imported(tree, "", None) if _is_sdk(name)}
        self._close(wanted)

    @property
    def modules(self) -> Mapping[str, Path]:
        """The files of the modules that can be imported, by module name."""
        return self._files

    def _close(self, wanted: set[str]) -> None:
        """Follow imports until neither a module nor a name is new."""
        known = -1
        while known != (known := len(self._names) + len(self._files)):
            todo = list(wanted)
            for name, tree in self._trees.items():
                todo += _imported(tree, self._package(name), self._names)
            while todo:
                todo += self._take(todo.pop())
            for tree in self._trees.values():
                self._names |= set(_mentioned(tree, self._names))

    def _take(self, wanted: str) -> list[str]:
        """Add a module and the packages around it; gives what these import."""
        found: list[str] = []
        parts = wanted.split(".")
        for end in range(1, len(parts) + 1):
            name = ".".join(parts[:end])
            if name in self._trees or not _is_sdk(name):
                continue
            file = self._file(name)
            if file is None:  # a name inside a module, or a folder without __init__.py
                continue
            self._files[name] = file
            self._trees[name] = ast.parse(file.read_bytes(), str(file))
            found += _imported(self._trees[name], self._package(name), self._names)
        return found

    def _file(self, name: str) -> Path | None:
        path = self._site.joinpath(*name.split("."))
        for candidate in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            if candidate.is_file():
                return candidate
        return None

    def _package(self, name: str) -> str:
        is_package = self._files[name].name == "__init__.py"
        return name if is_package else name.rpartition(".")[0]


def _is_sdk(name: str) -> bool:
    return name.partition(".")[0] == SDK


def _importers(site_packages: Path) -> Iterator[Path]:
    """Files of other packages with an import of the SDK (most that mention it do so in a docstring)."""
    for file in sorted(site_packages.rglob("*.py")):
        if file.is_relative_to(site_packages / SDK):
            continue
        source = file.read_bytes()
        if SDK.encode() in source and any(map(_is_sdk, _imported(ast.parse(source), "", None))):
            yield file


def _runs(node: ast.AST, names: set[str] | None) -> bool:
    """Whether a function may be called: by Python itself, or by one of these names (None: any is)."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or names is None:
        return True
    return node.name in names or (node.name.startswith("__") and node.name.endswith("__"))


def _walk(tree: ast.AST, names: set[str] | None) -> Iterator[ast.AST]:
    """Every node that can be run, given the names by which functions are called."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if not _runs(node, names):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            todo += node.orelse
            continue
        yield node
        todo += ast.iter_child_nodes(node)


def _imported(tree: ast.AST, package: str, names: set[str] | None) -> list[str]:
    """Absolute names of what is imported; of `from a import b` both `a` and `a.b`, which may be a module."""
    found = []
    for node in _walk(tree, names):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return found


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    around = package.split(".")
    around = around[: len(around) - node.level + 1]
    return ".".join([*around, *([node.module] if node.module else [])])


def _mentioned(tree: ast.AST, names: set[str] | None = None) -> Iterator[str]:
    """Names that code may call something by: attributes, plain names, imported names, literals of getattr."""
    for node in _walk(tree, names):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name, ctx=ast.Load()):
                yield name
            case ast.ImportFrom(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]):
                yield name
