"""What a snapshot holds, line by line (docs/snapshot.md).

A snapshot is one or more sections. A section is a head, the users that were judged by that head's facts, and
an end that tells a whole section from one that was cut. A sweep of a large tenant writes many sections, an
audit one.
"""

from datetime import datetime

from shared.model import Facts, Standing, TenantFacts, User
from shared.rules.policy import Policy

SCHEMA = 1


class Head(Facts, frozen=True, tag_field="line", tag="head"):
    """What all users of the section were judged by.

    `taken_at`: when the reading began. `source`: `audit` or `sweep`. `rules`: digest of the rules then.
    `groups`: ids of the groups of whose members `Reading.member_of` tells, nested ones included. `key_check`:
    of a pseudonymised snapshot, what the right key gives (`pseudonyms`); else empty.
    """

    schema: int
    taken_at: datetime
    source: str
    rules: str
    policy: Policy
    facts: TenantFacts
    groups: tuple[str, ...] = ()
    key_check: str = ""


class Reading(Facts, frozen=True, tag_field="line", tag="user"):
    """One user as read, and what else was known of it. `at`: our clock just before the request was sent.

    `member_of`: which of the head's `groups` the user is in, directly or through other groups.
    """

    user: User
    standing: Standing
    at: datetime
    member_of: tuple[str, ...] = ()


class End(Facts, frozen=True, tag_field="line", tag="end"):
    """The section is whole: so many users, and the digest of their verdicts (`digest.Digest`)."""

    users: int
    verdicts: str


Line = Head | Reading | End
