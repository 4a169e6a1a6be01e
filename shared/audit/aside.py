"""What other readings say of users, put aside on disk until the users come: memory stays flat.

A file of SQLite for the time of one reading. It is not kept, so nothing waits for the disk.
"""

import errno
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE row (user TEXT NOT NULL, text BLOB NOT NULL);
CREATE INDEX row_of ON row (user);
CREATE TABLE member (user TEXT NOT NULL, of TEXT NOT NULL, how TEXT NOT NULL);
CREATE INDEX member_of ON member (user);
CREATE TABLE seen (user TEXT PRIMARY KEY) WITHOUT ROWID;
"""

DIRECT, NESTED, NAMED = "direct", "nested", "named"
"""How somebody is in a group: a licensing group itself or through another; one that somebody asks about."""


class Membership(msgspec.Struct, frozen=True):
    """A user is in a group; `how` as above."""

    group_id: str
    how: str


class Aside:
    """Rows and memberships by user id."""

    def __init__(self, file: Path) -> None:
        self._held = sqlite3.connect(file, isolation_level=None)
        self._held.executescript(_TABLES)

    @classmethod
    @contextmanager
    def at(cls, file: Path) -> "Iterator[Aside]":
        """A new one in this file, which is deleted at the end. Raises `OSError` where the disk fails it."""
        try:
            aside = cls(file)
            try:
                yield aside
            finally:
                aside._held.close()
        except sqlite3.OperationalError as problem:
            raise OSError(errno.EIO, str(problem)) from problem
        finally:
            file.unlink(missing_ok=True)

    def put(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Put rows aside, as JSON, each with the user's id."""
        with self._at_once():
            self._held.executemany("INSERT INTO row VALUES (?, ?)", rows)

    def put_members(self, group_id: str, how: str, users: Iterable[str]) -> None:
        """Note that these users are in the group."""
        with self._at_once():
            self._held.executemany(
                "INSERT INTO member VALUES (?, ?, ?)", ((one, group_id, how) for one in users)
            )

    def rows(self, users: Iterable[str]) -> bytes:
        """All rows of these users, as one JSON array."""
        found = self._held.execute(
            "SELECT text FROM row WHERE user IN (SELECT value FROM json_each(?))", (_listed(users),)
        )
        return b"[" + b",".join(text for (text,) in found) + b"]"

    def memberships(self, users: Iterable[str]) -> dict[str, set[Membership]]:
        """What groups these users are in; who is in none is left out."""
        found: defaultdict[str, set[Membership]] = defaultdict(set)
        for user, group_id, how in self._held.execute(
            "SELECT user, of, how FROM member WHERE user IN (SELECT value FROM json_each(?))",
            (_listed(users),),
        ):
            found[user].add(Membership(group_id, how))
        return found

    def first_seen(self, users: Iterable[str]) -> set[str]:
        """Those of these users who come for the first time."""
        wanted = set(users)
        known = self._held.execute(
            "SELECT user FROM seen WHERE user IN (SELECT value FROM json_each(?))", (_listed(wanted),)
        )
        new = wanted.difference(user for (user,) in known)
        with self._at_once():
            self._held.executemany("INSERT INTO seen VALUES (?)", ((one,) for one in new))
        return new

    def forget_seen(self) -> None:
        """Nobody has come: the users are read from the start."""
        self._held.execute("DELETE FROM seen")

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        self._held.execute("BEGIN")
        yield
        self._held.execute("COMMIT")


def _listed(users: Iterable[str]) -> str:
    return msgspec.json.encode(list(users)).decode()
