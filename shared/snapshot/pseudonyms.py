"""Personal data replaced by keyed hashes, so that a snapshot may leave the house and still be judged.

The same key gives the same pseudonym each time, so snapshots of one tenant can be compared; without the key
nobody can compute who is meant (HMAC-SHA256, RFC 2104). What judgement rests on stays: whether domains are
the tenant's own, whether an account is the synchronisation's, dates, country, licences. The tenant's own id
and name stay too: they are no person's.
"""

import hmac
import re
import uuid
from collections.abc import Callable, Mapping

import msgspec

from shared.model import Evidence, GroupError, Identity, LicensingGroup, Standing, TenantFacts, User
from shared.reach import SYNC_NAME, is_sync_account
from shared.rules.policy import Policy
from shared.snapshot.lines import Head, Reading

SHORTEST_KEY = 32
"""Characters."""

_SYNC_SERVER = re.compile(r"sync_[^@]+_([0-9a-f]{12})$", re.IGNORECASE)
_CLOUD_SYNC = "adtoaadsyncserviceaccount"


class Pseudonyms:
    """Replaces ids, names and domains by one key. Raises ValueError for a key that is too short to be one."""

    def __init__(self, key: str) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"a key has at least {SHORTEST_KEY} characters")
        # A setting may hold bytes that are no UTF-8: they are as good a key.
        self._key = key.encode("utf-8", "surrogateescape")

    @property
    def check(self) -> str:
        """Tells whether another key is the same; tells nothing else of it."""
        return self._hash("key", "sspr license watch snapshot")[:16]

    def object_id(self, value: str) -> str:
        """Of a user or a group: in the form of an object id."""
        return str(uuid.UUID(hex=self._hash("id", value.lower())[:32])) if value else value

    def sign_in_name(self, value: str) -> str:
        """Of a user: an address below a pseudonymous domain."""
        local, at, domain = value.partition("@")
        return f"{self.name(value)}{at}{self.domain(domain)}" if at else self.name(local)

    def name(self, value: str) -> str:
        """Of whatever people named."""
        return f"p-{self._hash('name', value.casefold())[:12]}"

    def domain(self, value: str) -> str:
        """Of a domain: equal domains stay equal."""
        return f"{self._hash('domain', value.casefold())[:12]}.example"

    def head(self, head: Head) -> Head:
        """The head of a section."""
        return msgspec.structs.replace(
            head,
            policy=self.policy(head.policy),
            facts=self.facts(head.facts),
            groups=tuple(map(self.object_id, head.groups)),
            key_check=self.check,
        )

    def policy(self, policy: Policy) -> Policy:
        """The choices, with the groups that they name."""
        return msgspec.structs.replace(
            policy,
            scope_groups=tuple(map(self.object_id, policy.scope_groups)),
            emergency_group=self.object_id(policy.emergency_group),
        )

    def facts(self, facts: TenantFacts) -> TenantFacts:
        """The tenant's facts: its domains and its groups, also those that could not be read."""
        return msgspec.structs.replace(
            facts,
            domains=tuple(sorted(map(self.domain, facts.domains))),
            groups={self.object_id(key): self._group(group) for key, group in facts.groups.items()},
            evidence={name: self._evidence(one) for name, one in facts.evidence.items()},
            watched=self._ids_by_id(facts.watched),
        )

    def reading(self, reading: Reading) -> Reading:
        """One user, and what else was known of it."""
        return msgspec.structs.replace(
            reading,
            user=self.user(reading.user),
            standing=self.standing(reading.standing),
            member_of=tuple(map(self.object_id, reading.member_of)),
        )

    def user(self, user: User) -> User:
        """A user. An account of directory synchronisation stays recognisable as one."""
        return msgspec.structs.replace(
            user,
            id=self.object_id(user.id),
            user_principal_name=self._upn(user),
            display_name=_each(self._display_name, user.display_name),
            identities=tuple(map(self._identity, user.identities)),
            license_assignment_states=tuple(
                msgspec.structs.replace(one, assigned_by_group=_each(self.object_id, one.assigned_by_group))
                for one in user.license_assignment_states
            ),
        )

    def standing(self, standing: Standing) -> Standing:
        """What else is known of a user."""
        row = standing.registration
        return msgspec.structs.replace(
            standing,
            registration=msgspec.structs.replace(row, id=self.object_id(row.id)) if row else None,
            nested_in=tuple(map(self.object_id, standing.nested_in)),
        )

    def _upn(self, user: User) -> str | None:
        """What tells an account of synchronisation stays of its name, and nothing that people chose."""
        upn = user.user_principal_name
        if not upn or not is_sync_account(user):
            return _each(self.sign_in_name, upn)
        local, _, domain = upn.partition("@")
        if server := _SYNC_SERVER.match(local):
            return f"Sync_SERVER_{server[1]}@{self.domain(domain)}"
        return f"{local}@{self.domain(domain)}" if local.casefold() == _CLOUD_SYNC else self.sign_in_name(upn)

    def _display_name(self, name: str) -> str:
        return name if name.strip().casefold() == SYNC_NAME else self.name(name)

    def _evidence(self, evidence: Evidence) -> Evidence:
        return msgspec.structs.replace(
            evidence,
            unread={
                self.object_id(key): tuple(map(self.name, named)) for key, named in evidence.unread.items()
            },
        )

    def _identity(self, identity: Identity) -> Identity:
        return msgspec.structs.replace(
            identity,
            issuer=_each(self.domain, identity.issuer),
            issuer_assigned_id=_each(self.sign_in_name, identity.issuer_assigned_id),
        )

    def _group(self, group: LicensingGroup) -> LicensingGroup:
        return msgspec.structs.replace(
            group,
            id=self.object_id(group.id),
            display_name=_each(self.name, group.display_name) or "",
            nested=tuple(sorted(map(self.object_id, group.nested))),
            errors=tuple(map(self._error, group.errors)),
        )

    def _error(self, error: GroupError) -> GroupError:
        return msgspec.structs.replace(error, sample=tuple(sorted(map(self.object_id, error.sample))))

    def _ids_by_id(self, ids: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {self.object_id(key): tuple(map(self.object_id, listed)) for key, listed in ids.items()}

    def _hash(self, kind: str, value: str) -> str:
        return hmac.digest(self._key, f"{kind}:{value}".encode("utf-8", "surrogatepass"), "sha256").hex()


def _each(change: Callable[[str], str], value: str | None) -> str | None:
    """The change, where there is something to change."""
    return change(value) if value else value
