"""The bulk of a large tenant: users who are a rule (seed and number), not objects.

A user of the crowd has a number; the seed makes of it an id, a name and dates, and two bytes kept for each
say of which make the user is. So a million of them take a few megabytes, and a page of them is filled into
stencils of JSON instead of being built. Ids grow with the number: a listing is in the order of the numbers.
"""

import bisect
import itertools
import random
import re
import zlib
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from operator import itemgetter
from typing import Any

import msgspec

from sandbox.graph import names
from sandbox.graph.records import Direct, Inherited, User

_ID_SPACE = 2**32
_FAMILIAR = 16
"""For so many different selections the stencils are kept."""

# What stands for a user's own values in the user that a stencil is made from.
_TEXTS = ("@id@", "@upn@", "@name@", "@given@", "@surname@", "@job@")
_CREATED, _ASSIGNED = datetime(1901, 1, 1, tzinfo=UTC), datetime(1901, 1, 2, tzinfo=UTC)
_MARKS = (*_TEXTS, f"{_CREATED:%Y-%m-%dT%H:%M:%SZ}", f"{_ASSIGNED:%Y-%m-%dT%H:%M:%SZ}")
_HOLE = re.compile("|".join((*_MARKS, r'"@error(\d)@"')).encode())
_NO_ERROR = (b"null", b'""', b'"None"')

_YOUNGEST, _OLDEST = 60, 2500
_MINUTES = 23 * 60
"""Created in one of the first 23 hours of a day, licensed an hour later: the same day."""
_TIMES = tuple(f"{minute // 60:02d}:{minute % 60:02d}:00Z".encode() for minute in range(24 * 60))


@dataclass(frozen=True, slots=True)
class Make:
    """What the rule says of all users of one kind. `kind`: as `tenant.Segment` has it.

    `group` and `group_sku`: the licensing group they are members of and what it gives; `direct` and `off`:
    SKUs assigned directly and plans switched off in them; `extras`: SKUs added later.
    """

    kind: str = "person"
    synced: bool | None = None
    user_type: str = "Member"
    location: str | None = None
    methods: tuple[str, ...] = ()
    direct: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    group: str = ""
    group_sku: str = ""

    @property
    def is_person(self) -> bool:
        """Somebody who works here, or did."""
        return self.kind in ("person", "admin", "disabled")

    @property
    def is_external(self) -> bool:
        """Invited from elsewhere."""
        return self.kind == "guest" or self.kind.startswith("pending-")

    @property
    def sku_ids(self) -> frozenset[str]:
        """Everything such a user holds."""
        given = (*self.direct, *self.extras, self.group_sku)
        return frozenset(sku_id for sku_id in given if sku_id)


@dataclass(frozen=True, slots=True)
class _Stencil:
    """A row with holes for a user's own values. `ids`: how many, if nothing but the id goes into them.

    `pick`: the values in the order of the holes. `sources`: licences whose "no error" has to be spelled.
    """

    text: bytes
    ids: int | None
    pick: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
    sources: tuple[bytes, ...]


class Crowd:
    """So many users of these makes, which come with their weights.

    `departments`: ids of the groups that people are members of, evenly; `share` of all users are in one of
    them (None: everybody who works here). `home` and `domains`: where guests come from, the tenant's own
    domain and its initial one. Two crowds of the same arguments are the same on the same day.
    """

    def __init__(
        self,
        size: int,
        seed: int,
        makes: Mapping[Make, float],
        *,
        departments: Sequence[str],
        share: float | None,
        now: datetime,
        domains: tuple[str, str],
        home: str,
    ) -> None:
        self.size = size
        self._seed = seed
        self._key = str(seed).encode()[:64]
        self._step = _ID_SPACE // size
        self.makes = tuple(makes)
        chance = random.Random(f"crowd {seed}")
        weights = list(itertools.accumulate(makes.values()))
        self._make_of = array("H", chance.choices(range(len(self.makes)), cum_weights=weights, k=size))
        self.departments = tuple(departments)
        self._department_of = self._departments(share)
        self._extras_at = now - timedelta(days=30)
        self._youngest = (now - timedelta(days=_YOUNGEST)).date()
        ages = range(_OLDEST - _YOUNGEST)
        self._days = tuple(f"{self._youngest - timedelta(days=age):%Y-%m-%dT}".encode() for age in ages)
        own, initial = domains
        self._own = f"@{own}".encode()
        self._away = f"_{home}#EXT#@{initial}".encode()
        self._issuers = (home, own)
        self._stencils: dict[object, dict[int, _Stencil]] = {}

    def _departments(self, share: float | None) -> bytes:
        """0 for who is in none, else the number of the department."""
        people = self.flags(lambda make: make.is_person)
        eligible = people.count(1)
        wanted = eligible if share is None else min(eligible, round(share * self.size))
        numbers = itertools.cycle(range(1, len(self.departments) + 1))
        column = bytearray(self.size)
        position = -1
        for nth in range(eligible):
            position = people.find(1, position + 1)
            if (nth + 1) * wanted // eligible > nth * wanted // eligible:
                column[position] = next(numbers)
        return bytes(column)

    # --- who -----------------------------------------------------------------------------------------------

    def id_of(self, index: int) -> str:
        """The id of a user: a GUID whose beginning grows with the number."""
        return self._id(index, self._digest(index))

    def index_of(self, user_id: str) -> int | None:
        """The number of the user with this id; None if it is nobody's."""
        if len(user_id) != 36:
            return None
        try:
            index, rest = divmod(int(user_id[:8], 16), self._step)
        except ValueError:
            return None
        return index if not rest and 0 <= index < self.size and self.id_of(index) == user_id else None

    def first_after(self, user_id: str) -> int:
        """The lowest number whose id comes after this one, which may be anybody's; `size` if none does."""
        return bisect.bisect_right(range(self.size), user_id, key=self.id_of)

    def index_of_upn(self, upn: str) -> int | None:
        """The number of the user with this UPN in lower case; None if it is nobody's."""
        found = re.match(r"[^@_]*\.(\d+)[@_]", upn)
        index = int(found[1]) if found else self.size
        return index if index < self.size and self.user(index).upn.lower() == upn else None

    def make(self, index: int) -> Make:
        """The make of a user."""
        return self.makes[self._make_of[index]]

    def flags(self, fits: Callable[[Make], bool]) -> bytes:
        """1 for every user whose make fits, by number."""
        table = [int(fits(make)) for make in self.makes]
        return bytes(map(table.__getitem__, self._make_of))

    @property
    def sku_ids(self) -> frozenset[str]:
        """Everything that somebody holds."""
        return frozenset().union(*(make.sku_ids for make in self.makes))

    def holding(self, sku_id: str) -> bytes:
        """1 for every holder of the SKU, by number."""
        return self.flags(lambda make: sku_id in make.sku_ids)

    def members(self, group_id: str) -> bytes:
        """1 for every member of a licensing group or department, by number."""
        if group_id not in self.departments:
            return self.flags(lambda make: make.group == group_id)
        number = self.departments.index(group_id) + 1
        return self._department_of.translate(bytes(int(value == number) for value in range(256)))

    def user(self, index: int) -> User:
        """The user as an object, a new one each time."""
        make, digest = self.make(index), self._digest(index)
        texts = tuple(part.decode() for part in self._texts(index, make, digest))
        day, minute = self._moment(digest)
        begun = datetime.combine(self._date(day), time(), UTC) + timedelta(minutes=minute)
        user = self._build(make, texts, begun, begun + timedelta(hours=1))
        department = self._department_of[index]
        user.groups = {make.group} if make.group else set()
        user.groups |= {self.departments[department - 1]} if department else set()
        return user

    # --- rows ----------------------------------------------------------------------------------------------

    def rows(self, key: object, build: Callable[[User], dict[str, Any]]) -> Callable[[int], bytes]:
        """A function from numbers to rows as JSON. `key` names what `build` makes of a user.

        Whatever else `build` looks at must be the same whenever the key is: its answer is kept as a stencil.
        """
        if key not in self._stencils and len(self._stencils) >= _FAMILIAR:
            self._stencils.clear()
        stencils = self._stencils.setdefault(key, {})
        make_of, makes, filled = self._make_of, self.makes, self._filled

        def row(index: int) -> bytes:
            number = make_of[index]
            stencil = stencils.get(number)
            if stencil is None:
                stencil = stencils[number] = self._stencil(makes[number], build)
            return filled(index, makes[number], stencil)

        return row

    def _stencil(self, make: Make, build: Callable[[User], dict[str, Any]]) -> _Stencil:
        """The row of a user of this make whose own values are marks, with holes where the marks were."""
        row = build(self._build(make, _TEXTS, _CREATED, _ASSIGNED))
        sources = []
        for number, state in enumerate(row.get("licenseAssignmentStates", ())):
            state["error"] = f"@error{number}@"
            sources.append(f"{state['skuId']}{state['assignedByGroup']}".encode())
        text = msgspec.json.encode(row)
        order = {mark.encode(): number for number, mark in enumerate(_MARKS)}
        holes = [
            order[found[0]] if found[1] is None else len(_MARKS) + int(found[1])
            for found in _HOLE.finditer(text)
        ]
        pick = itemgetter(*holes) if len(holes) > 1 else lambda values: tuple(values[hole] for hole in holes)
        ids = None if any(holes) else len(holes)
        return _Stencil(_HOLE.sub(b"%b", text.replace(b"%", b"%%")), ids, pick, tuple(sources))

    def _filled(self, index: int, make: Make, stencil: _Stencil) -> bytes:
        digest = self._digest(index)
        if stencil.ids is not None:
            return stencil.text % ((self._id(index, digest).encode(),) * stencil.ids)
        texts = self._texts(index, make, digest)
        day, minute = self._moment(digest)
        begun = self._days[day]
        values: tuple[bytes, ...] = (*texts, begun + _TIMES[minute], begun + _TIMES[minute + 60])
        if stencil.sources:
            # As `users.no_error` spells it, the constant parts first.
            start = zlib.crc32(texts[0], zlib.crc32(str(self._seed).encode()))
            values += tuple(_NO_ERROR[zlib.crc32(source, start) % 3] for source in stencil.sources)
        return stencil.text % stencil.pick(values)

    # --- the rule ------------------------------------------------------------------------------------------

    def _digest(self, index: int) -> bytes:
        return blake2b(index.to_bytes(4), digest_size=24, key=self._key).digest()

    def _id(self, index: int, digest: bytes) -> str:
        tail = digest[:12].hex()
        variant = "89ab"[digest[12] & 3]
        return f"{index * self._step:08x}-{tail[:4]}-4{tail[4:7]}-{variant}{tail[7:10]}-{tail[10:22]}"

    def _moment(self, digest: bytes) -> tuple[int, int]:
        """Days before the youngest, and minute of that day."""
        return (digest[14] << 8 | digest[15]) % len(self._days), (digest[16] << 8 | digest[17]) % _MINUTES

    def _date(self, day: int) -> date:
        return self._youngest - timedelta(days=day)

    def _texts(self, index: int, make: Make, digest: bytes) -> tuple[bytes, ...]:
        """Id, UPN, display name, given name, surname, job title; the last three empty for a room or phone."""
        user_id = self._id(index, digest).encode()
        if make.kind in ("room", "phone"):
            title, label = (
                (b"Room" if make.kind == "room" else b"Call queue"),
                _ROOMS[digest[18] % len(_ROOMS)],
            )
            local = b"%b-%b.%d" % (title.lower().replace(b" ", b"-"), label.lower(), index)
            return user_id, local + self._own, b"%b %b" % (title, label), b"", b"", b""
        given, low_given = _FIRST[digest[18] % len(_FIRST)]
        surname, low_surname = _LAST[digest[19] % len(_LAST)]
        upn = b"%b.%b.%d%b" % (low_given, low_surname, index, self._away if make.is_external else self._own)
        return user_id, upn, b"%b %b" % (given, surname), given, surname, _JOBS[digest[20] % len(_JOBS)]

    def _build(self, make: Make, texts: tuple[str, ...], begun: datetime, assigned: datetime) -> User:
        user_id, upn, name, given, surname, job = texts
        user = User(
            user_id,
            upn,
            name,
            begun,
            account_enabled=make.kind != "disabled",
            user_type=make.user_type,
            usage_location=make.location,
            synced=make.synced,
            is_admin=make.kind == "admin",
            methods=make.methods,
            direct={sku_id: Direct(frozenset(make.off), assigned) for sku_id in make.direct},
        )
        user.direct |= {sku_id: Direct(frozenset(), self._extras_at) for sku_id in make.extras}
        if make.group:
            key = (make.group, make.group_sku)
            user.inherited[key] = Inherited("Active", "", frozenset(), assigned)
        if make.kind not in ("room", "phone"):
            user.given_name, user.surname, user.job_title = given, surname, job
        if make.is_external:
            user.creation_type = "Invitation"
            accepted = make.kind == "guest"
            user.external_user_state = "Accepted" if accepted else "PendingAcceptance"
            away, own = self._issuers
            user.identities = (
                {"signInType": "federated", "issuer": away, "issuerAssignedId": None}
                if accepted
                else {"signInType": "userPrincipalName", "issuer": own, "issuerAssignedId": upn},
            )
        return user


_FIRST = tuple((name.encode(), name.lower().encode()) for name in names.FIRST)
_LAST = tuple((name.encode(), name.lower().encode()) for name in names.LAST)
_JOBS = tuple(job.encode() for job in names.JOBS)
_ROOMS = tuple(room.encode() for room in names.ROOMS)
