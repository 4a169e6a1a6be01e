"""Messages that the host put aside, and why: from what it says in its log."""

import re
from collections.abc import Iterable, Mapping

import msgspec

POISON = "-poison"
WORKED_BY = {"changed-users": "evaluate", "sweeps": "sweep"}
"""The process whose function takes the messages of a queue."""
TRIES = 5
"""maxDequeueCount of host.json."""

FAILED = re.compile(r"Message (\S+) of (\S+) failed, try \d+: (.*)")
"""What the host logs of a try: the message, its queue, and why it failed."""
_MOVED = re.compile(r"Message (\S+) moved to queue (\S+)")
_NOT_OURS = re.compile(r"Message (\S+) of (\S+) isn't base64 text")
_UNREADABLE = "it isn't base64 text"
_OF_CODE = re.compile(
    r"\b(?:ArithmeticError|AssertionError|AttributeError|BadMessage|DecodeError|ImportError|IndexError|KeyError"
    r"|LookupError|ModuleNotFoundError|NameError|NotImplementedError|RecursionError|TypeError"
    r"|UnboundLocalError|UnicodeDecodeError|ValidationError|ValueError|ZeroDivisionError)\b"
)
"""No weather brings these about: the watch fell over itself."""


class PutAside(msgspec.Struct, frozen=True):
    """A message in a poison queue; `cause` is how its last try failed, empty if nobody knows."""

    queue: str
    message: str
    cause: str

    @property
    def excused(self) -> bool:
        """Whether the weather explains it: there is a cause, and it is no fault of the code."""
        return bool(self.cause) and self.cause != _UNREADABLE and not _OF_CODE.search(self.cause)


def put_aside(log: Iterable[str], kills: Mapping[str, int]) -> list[PutAside]:
    """Every message that was put aside. `kills`: how often each process was killed.

    One without a failed try can only have died with its process, each time: that needs as many kills of it.
    """
    why: dict[str, str] = {}
    found = []
    for line in log:
        if failed := FAILED.search(line):
            why[failed[1]] = failed[3]
        elif wrong := _NOT_OURS.search(line):
            why[wrong[1]] = _UNREADABLE
        elif moved := _MOVED.search(line):
            process = WORKED_BY.get(moved[2].removesuffix(POISON), "")
            died = kills.get(process, 0) >= TRIES
            unsaid = "its process was killed over it, each time" if died else ""
            found.append(PutAside(moved[2], moved[1], why.get(moved[1], unsaid)))
    return found
