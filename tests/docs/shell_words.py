"""Whether a shown command could work: parsed as shell, and its words held against what each program knows.

Our own programs are asked themselves (the options of `python -m admin`, the targets of make). What other
people's programs know stands in `known_programs.toml`, with its source. Nothing is run.
"""

import ast
import contextlib
import importlib.util
import io
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import tree_sitter_bash
import typer
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).resolve().parents[2]
PLACEHOLDER = "PLACEHOLDER"
_WRONG_USE: Any = typer.BadParameter.__base__
"""What typer raises for an option or argument that is wrong or missing; it has no name of its own for it."""

_PLACE = re.compile(r"<[A-Za-z][A-Za-z0-9 ,.'\u2019_-]*>")
_DOTS = re.compile(r"\s*….*$")


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One command of a program: its options, which of these it needs, and how many words it takes beside
    them (-1: any number)."""

    command: str
    options: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    arguments: int = 0
    source: str = ""


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `known_programs.toml` holds. `everywhere`: options that a program takes with all its commands."""

    everywhere: Mapping[str, tuple[str, ...]]
    command: tuple[Program, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The programs, each once."""
        return tuple(dict.fromkeys(one.command.split()[0] for one in self.command))

    def find(self, words: Sequence[str]) -> Program | None:
        """The command that these words begin with, the longest first."""
        fits = [one for one in self.command if list(words[: len(one.command.split())]) == one.command.split()]
        return max(fits, key=lambda one: len(one.command.split()), default=None)


@cache
def known() -> Known:
    """The table of other people's programs."""
    file = Path(__file__).with_name("known_programs.toml")
    return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Known)


OWN = ("make", "python")
"""Programs that are asked themselves."""


def programs() -> tuple[str, ...]:
    """Every program that a page may show."""
    return (*OWN, *known().names)


def faults(text: str, *, whole: bool = True) -> list[str]:
    """What is wrong with a piece of shell.

    `whole` is False for words in a sentence: `…` may end them, and what a command needs may be left out.
    """
    if not whole:
        text = _DOTS.sub("", text)
    source = _PLACE.sub(PLACEHOLDER, text).encode()
    tree = _parser().parse(source)
    if tree.root_node.has_error:
        return [f"can't be parsed: {text.strip().splitlines()[0]!r}"]
    own = {_text(node.child_by_field_name("name")) for node in _of(tree.root_node, "function_definition")}
    found: list[str] = []
    for words in commands(tree.root_node):
        if words and words[0] not in own:
            found += [f"{' '.join(words)}: {fault}" for fault in _faults(words, whole)]
    return found


def split(text: str) -> list[list[str]]:
    """The commands of a piece of shell, as words."""
    return [*commands(_parser().parse(_PLACE.sub(PLACEHOLDER, text).encode()).root_node)]


def commands(root: Node) -> Iterator[list[str]]:
    """Each simple command below a node, as words; settings before it are left out."""
    for node in _of(root, "command"):
        name = node.child_by_field_name("name")
        words = [_word(name.children[0] if name is not None and name.children else name)]
        words += [_word(one) for one in node.children_by_field_name("argument")]
        yield words


def _faults(words: list[str], whole: bool) -> list[str]:
    name, rest = words[0], words[1:]
    if name in (".venv/bin/python", "python", "python3"):
        return _python(rest, whole)
    if name == "make":
        return _make(rest)
    if "/" in name:
        return [] if name.startswith(("$", "/")) or (ROOT / name).exists() else [f"there is no {name}"]
    if known().find([name]) is None and not any(one.split()[0] == name for one in _commands_known()):
        return [f"{name} is not in known_programs.toml"]
    return _other(words, whole)


def _commands_known() -> tuple[str, ...]:
    return tuple(one.command for one in known().command)


def _other(words: list[str], whole: bool) -> list[str]:
    entry = known().find(words)
    if entry is None:
        # The words of a sentence may stop before the command does: `az storage`.
        begun = any(list(one.split()[: len(words)]) == words for one in _commands_known())
        return [] if begun and not whole else ["no such command is in known_programs.toml"]
    rest = words[len(entry.command.split()) :]
    if entry.options == ("*",):
        return []
    allowed = {*entry.options, *known().everywhere.get(words[0], ())}
    given = [one.partition("=")[0] if one.startswith("--") else one for one in rest if _is_option(one)]
    wrong = [f"{one} is no option of {entry.command}" for one in given if one not in allowed]
    first = next((at for at, one in enumerate(rest) if _is_option(one)), len(rest))
    if first > entry.arguments >= 0:
        wrong.append(f"{entry.command} takes no {rest[entry.arguments]!r}")
    if whole:
        wrong += [f"{one} is missing" for one in entry.required if one not in given]
    return wrong


def _is_option(word: str) -> bool:
    return bool(re.match(r"--?[A-Za-z]", word))


def _make(rest: list[str]) -> list[str]:
    targets = _targets()
    asked = [one for one in rest if "=" not in one and not one.startswith("-")]
    return [f"the Makefile has no target {one}" for one in asked if one not in targets]


@cache
def _targets() -> frozenset[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(VENV)", ".venv")
    return frozenset(re.findall(r"^([a-z.][\w./-]*):(?!=)", text, re.MULTILINE))


def _python(rest: list[str], whole: bool) -> list[str]:
    while rest and rest[0] in ("-I", "-S", "-u"):
        rest = rest[1:]
    if not rest or rest == ["--version"]:
        return []
    if rest[0] == "-c":
        try:
            ast.parse(rest[1])
        except SyntaxError as fault:
            return [f"is no Python: {fault.msg}"]
        return []
    if rest[0] != "-m":
        return [] if (ROOT / rest[0]).is_file() else [f"there is no {rest[0]}"]
    module, arguments = (rest[1] if len(rest) > 1 else ""), rest[2:]
    if module in ("admin", "sandbox"):
        return _typer(module, arguments, whole)
    if module == "infra.hooks":
        return _hook(arguments, whole)
    if not module:
        return ["names no module"]
    return [] if importlib.util.find_spec(module) else [f"there is no module {module}"]


def _hook(arguments: list[str], whole: bool) -> list[str]:
    """The hooks read their words with argparse, which says what is wrong on standard error."""
    from infra.hooks.__main__ import _parser as hooks

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            hooks().parse_args(arguments)
    except SystemExit as ended:
        complaint = said.getvalue().strip().rpartition("error: ")[2]
        short = not whole and "required" in complaint
        return [complaint] if ended.code and not short else []
    return []


def _typer(module: str, arguments: list[str], whole: bool) -> list[str]:
    """Have the very command read its options, and do nothing."""
    if PLACEHOLDER in arguments[:1] or not arguments:
        return []
    group: Any = _app(module)
    context = group.make_context(module, ["x"], resilient_parsing=True)
    rest = list(arguments)
    try:
        while hasattr(group, "commands"):
            if not rest or rest[0].startswith("-"):
                return [] if not whole or rest == ["--help"] else [f"{module} wants a command"]
            name, *rest = rest
            if name not in group.commands:
                return [f"python -m {module} has no command {name}"]
            group = group.commands[name]
        if "--help" in rest:
            return []
        group.make_context(group.name, rest, parent=context, resilient_parsing=not whole)
        for one in [] if whole else rest:
            if _is_option(one) and one not in {opt for param in group.params for opt in param.opts}:
                return [f"{one} is no option of {group.name}"]
    except _WRONG_USE as fault:
        return [fault.format_message()]
    return []


@cache
def _app(module: str) -> Any:
    found = importlib.import_module(f"{module}.commands")
    return typer.main.get_command(found.app)


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


def _of(node: Node, kind: str) -> Iterator[Node]:
    if node.type == kind:
        yield node
    for child in node.children:
        yield from _of(child, kind)


def _text(node: Node | None) -> str:
    return (node.text or b"").decode() if node is not None else ""


def _word(node: Node | None) -> str:
    text = _text(node)
    if node is None:
        return ""
    if node.type == "raw_string":
        return text[1:-1]
    if node.type == "string":
        return text[1:-1].replace('\\"', '"')
    if node.type == "concatenation":
        return "".join(_word(child) for child in node.children)
    return text.replace("\\\n", "")


def listed(places: Iterable[str]) -> str:
    """For the message of a test that fails: one a line."""
    return "\n" + "\n".join(places)
