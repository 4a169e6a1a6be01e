"""The words of the command line: one catalogue, in one language, and what people named made harmless."""

from shared.notify.proposals import Fault
from shared.texts.catalogue import Catalogue, catalogue
from shared.texts.plain import one_line


def language() -> str:
    """The language that the commands speak."""
    return "en"


def texts() -> Catalogue:
    """The catalogue of that language."""
    return catalogue(language())


def say(*path: str, **values: str | int) -> str:
    """A text of section `cli`; values are shown as they read, whoever wrote them."""
    shown = {name: one_line(one) if isinstance(one, str) else one for name, one in values.items()}
    return texts().text("cli", *path, **shown)


def fault(one: Fault) -> str:
    """What is wrong, and its remedy."""
    # Lists of kinds are ours and longer than a name.
    shown = {
        name: one_line(value, 1_000) if isinstance(value, str) else value
        for name, value in one.values.items()
    }
    return texts().text("cli", "faults", one.code, **shown)


def guide(command: str) -> str:
    """The help of a command: what it does, and an example that stays on lines of its own."""
    return f"{say('help', command)}\n\n\b\n{say('example')}\n{say('examples', command)}"
