"""The words of the command line: one catalogue, in one language, and what people named made harmless."""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.notify.exceptions.proposals import Fault
from shared.settings.access import language_of
from shared.texts.catalogue import Catalogue, catalogue
from shared.texts.plain import one_line


@functools.cache
def language() -> str:
    """The language that the commands speak: `WATCH_LANGUAGE` where the other settings come from."""
    return language_of(settings_file(sys.argv[1:]))


def settings_file(arguments: Sequence[str]) -> Path | None:
    """The file given with `--settings`: help is worded before the options are read."""
    found = None
    for argument, following in zip(arguments, [*arguments, ""][1:], strict=True):
        name, given, value = argument.partition("=")
        if argument == "--":
            break
        if name == "--settings" and (given or following):
            found = Path(value if given else following)
    return found


def texts() -> Catalogue:
    """The catalogue of that language."""
    return catalogue(language())


def said(section: str, *path: str, **values: str | int) -> str:
    """A text of a command's own section; values are shown as they read, whoever wrote them."""
    shown = {name: one_line(one) if isinstance(one, str) else one for name, one in values.items()}
    return texts().text(section, *path, **shown)


def say(*path: str, **values: str | int) -> str:
    """A text of section `cli`, in the same way."""
    return said("cli", *path, **values)


def fault(one: Fault, *, in_list: bool = False) -> str:
    """What is wrong, and its remedy; `in_list`: for whoever wrote columns, or names in JSON, not options."""
    # Lists of kinds are ours and longer than a name.
    shown = {
        name: one_line(value, 1_000) if isinstance(value, str) else value
        for name, value in one.values.items()
    }
    section = "faults_in_lists" if in_list and texts().find("cli", "faults_in_lists", one.code) else "faults"
    return texts().text("cli", section, one.code, **shown)


def guide(command: str, example: str = "") -> str:
    """The help of a command: what it does, and an example that stays on lines of its own.

    `example`: the command whose example a group of commands shows.
    """
    return f"{say('help', command)}\n\n\b\n{say('example')}\n{say('examples', example or command)}"
