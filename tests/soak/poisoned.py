"""Messages that the host put aside, and why: from what it says in its log."""

import re
from collections.abc import Iterable

import msgspec

_FAILED = re.compile(r"Message (\S+) of (\S+) failed, try (\d+): (.*)")
_MOVED = re.compile(r"Message (\S+) moved to queue (\S+)")
_NOT_OURS = re.compile(r"Message (\S+) of (\S+) isn't base64 text")


class PutAside(msgspec.Struct, frozen=True):
    """A message in a poison queue; `cause` is how its last try failed, empty if nobody knows."""

    queue: str
    message: str
    cause: str


def put_aside(log: Iterable[str], kills: int) -> list[PutAside]:
    """Every message that was put aside. One without a failed try died with its process, if there were kills
    enough for that."""
    why: dict[str, str] = {}
    found = []
    for line in log:
        if failed := _FAILED.search(line):
            why[failed[1]] = failed[4]
        elif wrong := _NOT_OURS.search(line):
            why[wrong[1]] = "it isn't base64 text"
        elif moved := _MOVED.search(line):
            died = "its process was killed over it, each time" if kills else ""
            found.append(PutAside(moved[2], moved[1], why.get(moved[1], died)))
    return found
