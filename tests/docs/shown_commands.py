"""Every shell command that the repository shows to people or machines, with the place where it stands.

Blocks of pages, lines that begin with a prompt, code in a sentence, steps of workflows, hooks of azure.yaml
and their scripts. Nothing is judged here; `shell_words` does that.
"""

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SHELLS = ("sh", "bash", "shell", "zsh")
POWERSHELLS = ("powershell", "pwsh")
WITH_PROMPTS = ("console", "text")
"""Blocks in which only what follows `$ ` was typed."""

_FENCE = re.compile(r"^( *)```([\w-]*)[^\n]*\n(.*?)^\1```[ ]*$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_PROMPT = re.compile(r"^ *\$ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Shown:
    """A piece of shell: where it stands, and whether it is whole (`False`: words in a sentence)."""

    file: str
    line: int
    text: str
    whole: bool = True

    @property
    def place(self) -> str:
        """File and line, as an editor jumps to them."""
        return f"{self.file}:{self.line}"


def pages(root: Path) -> list[Path]:
    """Every page of Markdown that people read; no folder of somebody else's."""
    own = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / ".github").rglob("*.md")]
    return sorted({*own, *(root / "infra").rglob("*.md"), *(root / "tools").rglob("*.md")})


def everything(root: Path, programs: Iterable[str]) -> list[Shown]:
    """All that is shown below a root. `programs`: names by which code in a sentence is known as a command."""
    known = tuple(programs)
    found: list[Shown] = []
    for page in pages(root):
        found += of_page(page.read_text(encoding="utf-8"), _name(root, page), known)
    for file in sorted((root / ".github").rglob("*.y*ml")):
        found += of_workflow(file.read_text(encoding="utf-8"), _name(root, file))
    for file in (root / "azure.yaml",):
        if file.is_file():
            found += of_azure(file.read_text(encoding="utf-8"), file.name)
    for script in sorted([*(root / "infra").rglob("*.sh"), root / ".ci" / "run"]):
        if script.is_file():
            found.append(Shown(_name(root, script), 1, script.read_text(encoding="utf-8")))
    for file in sorted((root / "infra").rglob("*.py")):
        found += of_strings(file.read_text(encoding="utf-8"), _name(root, file), known)
    for file in sorted((root / "shared" / "texts").glob("*.toml")):
        found += of_texts(file.read_text(encoding="utf-8"), _name(root, file), known)
    return found


def of_page(text: str, file: str, programs: tuple[str, ...]) -> Iterator[Shown]:
    """What a page shows: blocks, lines after a prompt, and code in its sentences."""
    for found in _FENCE.finditer(text):
        indent, language, block = found.groups()
        line = text.count("\n", 0, found.start(3)) + 1
        plain = "\n".join(one.removeprefix(indent) for one in block.split("\n"))
        if language in SHELLS:
            yield Shown(file, line, plain)
        elif language in POWERSHELLS:
            # The same words: only the sign that continues a line is another.
            yield Shown(file, line, re.sub(r"`$", r"\\", plain, flags=re.MULTILINE))
        elif language in WITH_PROMPTS:
            for typed in _PROMPT.finditer(plain):
                yield Shown(file, line + plain.count("\n", 0, typed.start()), typed[1])
        elif language == "" and plain.lstrip().startswith(_beginnings(programs)):
            yield Shown(file, line, plain)
    sentences = _FENCE.sub(lambda found: "\n" * found[0].count("\n"), text)
    for paragraph in re.finditer(r"(?:[^\n]+\n?)+", sentences):
        for found in _INLINE.finditer(paragraph[0]):
            code = " ".join(found[1].split())
            if code.startswith(_beginnings(programs)):
                line = sentences.count("\n", 0, paragraph.start() + found.start()) + 1
                yield Shown(file, line, code, whole=False)


def of_workflow(text: str, file: str) -> Iterator[Shown]:
    """Each `run` of a workflow or an action; an expression of GitHub's stands for one word."""
    for step in _mappings(yaml.safe_load(text)):
        run = step.get("run")
        if isinstance(run, str):
            yield Shown(file, _line_of(text, run), re.sub(r"\$\{\{.*?\}\}", "expression", run))


def of_azure(text: str, file: str) -> Iterator[Shown]:
    """Each command that a hook of azure.yaml runs; a path to a script is a command of its own."""
    for step in _mappings(yaml.safe_load(text)):
        run = step.get("run")
        if isinstance(run, str):
            yield Shown(file, _line_of(text, run), run)


def of_strings(source: str, file: str, programs: tuple[str, ...]) -> Iterator[Shown]:
    """Commands that Python prints: in quotation marks, on a line of their own, or behind a colon."""
    tree = ast.parse(source)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in inner | documented:
            yield from _told(_text(node), file, node.lineno, programs)


def of_texts(text: str, file: str, programs: tuple[str, ...]) -> Iterator[Shown]:
    """Commands in a catalogue of texts: in quotation marks, or behind a colon."""
    for number, line in enumerate(text.splitlines(), 1):
        _, _, said = line.partition(" = ")
        if said.startswith('"'):
            told = said.strip('"').replace('\\"', '"')
            yield from _told(re.sub(r"\{\w+\}", "VALUE", told), file, number, programs)


def _told(text: str, file: str, line: int, programs: tuple[str, ...]) -> Iterator[Shown]:
    names = "|".join(re.escape(name) for name in programs if len(name) > 1)
    quoted = rf"'((?:{names}) [^']+)'"
    behind = rf"(?:\n *|: )((?:{names}) [^\n]+)"
    for found in re.finditer(f"{quoted}|{behind}", text, re.MULTILINE):
        # A sentence may go on behind it.
        command = found[1] or re.split(r" \(|, |[.;] [A-Z]|[.]$|\\n", found[2])[0]
        yield Shown(file, line, command, whole=False)


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    parts = [one.value if isinstance(one, ast.Constant) else "VALUE" for one in node.values]
    return "".join(map(str, parts))


def _beginnings(programs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name} " for name in programs)


def _mappings(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every mapping of a YAML document, at any depth."""
    if isinstance(node, dict):
        yield node
        yield from itertools.chain.from_iterable(map(_mappings, node.values()))
    elif isinstance(node, list):
        yield from itertools.chain.from_iterable(map(_mappings, node))


def _line_of(text: str, block: str) -> int:
    first = block.strip().splitlines()[0]
    return text.count("\n", 0, max(0, text.find(first))) + 1


def _name(root: Path, file: Path) -> str:
    return file.relative_to(root).as_posix()
