"""An Adaptive Card as text for a terminal, so that a demo shows what Teams would show."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import ROUNDED
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

WIDTH = 88
PIXELS_A_SIGN = 8
"""How wide a sign is, about."""

# Others ("default", "dark", "light") take the terminal's own.
COLOURS = {"attention": "red", "good": "green", "warning": "yellow", "accent": "blue"}
APART = ("medium", "large", "extraLarge")
JUSTIFY: dict[str, JustifyMethod] = {"left": "left", "center": "center", "right": "right"}
# Teams shows the Markdown of a TextBlock: escaped signs as they are, bold, italic, links; a leading "- " is a
# list.
MARKDOWN = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])|\*\*(?P<bold>.+?)\*\*|(?<!\w)_(?P<italic>[^_]+)_(?!\w)"
    r"|\[(?P<label>[^\]]+)\]\((?P<url>[^)\s]+)\)"
)
PIXELS = re.compile(r"(\d+)px")

Element = Mapping[str, Any]


def as_text(card: Element, *, width: int = WIDTH, colour: bool = False) -> str:
    """A card drawn as a box of `width` columns; with ANSI colours for a terminal if `colour`."""
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    content = [*_elements(card.get("body", ())), *_actions(card.get("actions", ()))]
    with console.capture() as captured:
        console.print(Panel(Group(*content), box=ROUNDED, width=width, padding=(0, 1)))
    lines = captured.get().splitlines()
    return "\n".join(line if colour else line.rstrip() for line in lines)


def _elements(elements: Iterable[Element]) -> list[RenderableType]:
    drawn: list[RenderableType] = []
    for element in elements:
        if element.get("isVisible") is False:
            continue
        if element.get("separator"):
            drawn.append(Rule(style="dim"))
        elif drawn and element.get("spacing") in APART:
            drawn.append(Text())
        drawn += _element(element)
    return drawn


def _element(element: Element) -> list[RenderableType]:
    kind = element.get("type")
    if kind == "TextBlock":
        text = _text(str(element.get("text", "")), element)
        # What is to be copied stands apart, as Teams' other typeface sets it apart.
        return [Padding(text, (0, 0, 0, 2)) if _is_typed(element) else text]
    if kind == "RichTextBlock":
        return [_runs(element.get("inlines", ()))]
    if kind == "FactSet":
        return [_facts(element.get("facts", ()))]
    if kind == "ColumnSet":
        return [_columns(element.get("columns", ()))]
    if kind in ("Container", "Column"):
        return [_container(element)]
    if kind == "ActionSet":
        return _actions(element.get("actions", ()))
    if kind == "Image":
        return [Text(f"[picture: {element.get('altText') or element.get('url')}]", style="dim")]
    return [Text(f"[{kind}]", style="dim")]


def _text(text: str, element: Element) -> Text:
    drawn = Text(style=_style(element))
    at = 0
    for found in MARKDOWN.finditer(text):
        drawn.append(text[at : found.start()])
        if found["escaped"]:
            drawn.append(found["escaped"])
        elif found["bold"]:
            drawn.append(found["bold"], style="bold")
        elif found["italic"]:
            drawn.append(found["italic"], style="italic")
        else:
            drawn.append(f"{found['label']} <{found['url']}>", style="underline")
        at = found.end()
    drawn.append(text[at:])
    if element.get("wrap") is False:
        drawn.no_wrap, drawn.overflow = True, "ellipsis"
    drawn.justify = JUSTIFY.get(str(element.get("horizontalAlignment", "")).lower(), "default")
    return drawn


def _style(element: Element) -> str:
    parts = [COLOURS.get(str(element.get("color", "")).lower(), "")]
    if _is_typed(element):
        parts.append("cyan")
    if str(element.get("weight", "")).lower() == "bolder":
        parts.append("bold")
    if element.get("isSubtle"):
        parts.append("dim")
    return " ".join(part for part in parts if part)


def _is_typed(element: Element) -> bool:
    return str(element.get("fontType", "")).lower() == "monospace"


def _runs(inlines: Iterable[Any]) -> Text:
    drawn = Text()
    for run in inlines:
        if isinstance(run, str):
            drawn.append(run)
        else:
            drawn.append(str(run.get("text", "")), style=_style(run))
    return drawn


def _facts(facts: Iterable[Element]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(ratio=1)
    for fact in facts:
        table.add_row(_text(str(fact.get("title", "")), {}), _text(str(fact.get("value", "")), {}))
    return table


def _columns(columns: Sequence[Element]) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    for column in columns:
        width = str(column.get("width", "stretch"))
        # As Teams divides the card: a number is a share, "stretch" takes what is left, "auto" what it needs.
        if pixels := PIXELS.fullmatch(width):
            table.add_column(width=max(1, int(pixels[1]) // PIXELS_A_SIGN))
        else:
            table.add_column(ratio=None if width == "auto" else int(width) if width.isdigit() else 1)
    table.add_row(*(Group(*_elements(column.get("items", ()))) for column in columns))
    return table


def _container(element: Element) -> RenderableType:
    inside = Group(*_elements(element.get("items", ())))
    if element.get("style") in (None, "default"):
        return inside
    return Padding(inside, (0, 0, 0, 2))


def _actions(actions: Iterable[Element]) -> list[RenderableType]:
    drawn: list[RenderableType] = []
    for action in actions:
        if action.get("type") == "Action.ShowCard":
            drawn.append(Text(f"▸ {action.get('title', '')}", style="bold"))
            inside = _elements(action.get("card", {}).get("body", ()))
            drawn += [Padding(each, (0, 0, 0, 2)) for each in inside]
            continue
        line = Text(f"[ {action.get('title', '')} ]", style="bold")
        if action.get("url"):
            line.append(f" {action['url']}", style="dim")
        drawn.append(line)
    return drawn
