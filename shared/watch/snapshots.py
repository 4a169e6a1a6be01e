"""The snapshot that each reading of all users leaves behind (docs/snapshot.md).

Written as users are judged: each bucket is a part of its own, so memory does not grow with the tenant. What
the reading itself saw is in it, also of users of whom the ledger knows something later by now.
"""

import io
import logging
from collections.abc import Iterable

from shared.archive import snapshots as archive
from shared.archive.snapshots import Index, Part
from shared.judgement import Judge
from shared.ledger.commits import UserReading
from shared.ledger.records import Sweep
from shared.model import Standing, TenantFacts
from shared.settings.keeping import OFF, PSEUDONYMISED
from shared.snapshot.digest import summed
from shared.snapshot.file import SectionWriter
from shared.snapshot.lines import SCHEMA, End, Head, Reading
from shared.snapshot.pseudonyms import Pseudonyms
from shared.watch.parts import Watch

log = logging.getLogger("watch.snapshots")

SWEEP = "sweep"
"""`Head.source` of these."""

_LEVEL = 3
"""As storage packs shards: at 5 a snapshot is a tenth smaller, for 2 µs of CPU more a user."""


class PartWriter:
    """The part of one bucket: a section for each generation of facts that its users were judged by.

    Does nothing where no snapshots are wanted.
    """

    def __init__(self, watch: Watch, sweep: Sweep) -> None:
        keeping = watch.settings.keeping
        self._watch = watch
        self._sweep = sweep
        self._wanted = keeping.snapshots != OFF
        hidden = keeping.snapshots == PSEUDONYMISED
        self._pseudonyms = Pseudonyms(keeping.pseudonym_key) if hidden else None
        self._sections: dict[tuple[int, str], _Section] = {}

    def add(self, facts: TenantFacts, readings: Iterable[UserReading], without: Iterable[str] = ()) -> None:
        """Users as they were judged by these facts; `without` those ids, who are judged once more."""
        if not self._wanted:
            return
        key = (facts.generation, facts.policy)
        section = self._sections.get(key)
        if section is None:
            head = head_of(self._watch, self._sweep, facts)
            section = self._sections[key] = _Section(head, self._watch, self._pseudonyms)
        left_out = frozenset(without)
        for reading in readings:
            if reading.user.id not in left_out:
                section.add(reading)

    async def write(self) -> None:
        """Keep the part. One that an earlier try of this bucket has kept stays as it is."""
        if not self._wanted:
            return
        packed = [section.end() for section in self._sections.values()]
        data = b"".join(one for one, _ in packed)
        part = Part(
            name=archive.part_name(self._sweep.bucket or 0),
            users=sum(end.users for _, end in packed),
            sections=len(packed),
            size=len(data),
            verdicts=summed(end.verdicts for _, end in packed),
            key_check=self._pseudonyms.check if self._pseudonyms else "",
        )
        await archive.write_part(self._watch.storage.evidence, _place(self._watch, self._sweep), part, data)


class _Section:
    def __init__(self, head: Head, watch: Watch, pseudonyms: Pseudonyms | None) -> None:
        self._out = io.BytesIO()
        self._pseudonyms = pseudonyms
        self._groups = head.groups
        policy = head.policy
        self._scope_group = next((one for one in policy.scope_groups if one in head.groups), "")
        self._emergency_group = policy.emergency_group if policy.emergency_group in head.groups else ""
        if pseudonyms:
            head = pseudonyms.head(head)
            # What is kept must give, judged again as it is, the verdicts that it tells of.
            self._judge = Judge(watch.rules, head.policy, head.facts)
        self._writer = SectionWriter(self._out, head, level=_LEVEL)

    def add(self, reading: UserReading) -> None:
        """One user."""
        one = Reading(
            user=reading.user,
            standing=reading.standing,
            at=reading.observed_at,
            member_of=self._member_of(reading.standing) if self._groups else (),
        )
        if self._pseudonyms is None:
            self._writer.add(one, reading.judged)
            return
        one = self._pseudonyms.reading(one)
        self._writer.add(one, self._judge.judged(one.user, one.standing, one.at))

    def end(self) -> tuple[bytes, End]:
        """The section, packed."""
        end = self._writer.end()
        return self._out.getvalue(), end

    def _member_of(self, standing: Standing) -> tuple[str, ...]:
        found = []
        if self._scope_group and standing.in_scope_group:
            found.append(self._scope_group)
        if self._emergency_group and standing.emergency:
            found.append(self._emergency_group)
        return tuple(found)


def head_of(watch: Watch, sweep: Sweep, facts: TenantFacts) -> Head:
    """The head of users who are judged by these facts.

    The index of standings only tells whether somebody is in any of the scope groups: so of these a single one
    is known, and the emergency group.
    """
    policy = watch.settings.policy
    groups: list[str] = []
    if len(policy.scope_groups) == 1 and facts.evidence_of("scope-groups").read_at:
        groups.extend(policy.scope_groups)
    if policy.emergency_group and facts.evidence_of("emergency-group").read_at:
        groups.append(policy.emergency_group)
    return Head(
        schema=SCHEMA,
        taken_at=sweep.started_at,
        source=SWEEP,
        rules=watch.rules.digest,
        policy=policy,
        facts=facts,
        groups=tuple(dict.fromkeys(groups)),
    )


async def complete(watch: Watch, sweep: Sweep) -> bool:
    """All buckets are judged: write the index, without which there is no snapshot; says whether it is there.

    None is made of a reading that saw nobody, nor of one in whose course the setting changed: parts are
    missing then, or written with different keys. What is left of such a one goes by itself.
    """
    if watch.settings.keeping.snapshots == OFF:
        return False
    container, place = watch.storage.evidence, _place(watch, sweep)
    found = await archive.parts(container, place)
    expected = [archive.part_name(bucket) for bucket in range(sweep.buckets)]
    keys = {part.key_check for part in found}
    if [part.name for part in found] != expected or len(keys) != 1 or not any(one.users for one in found):
        log.warning("no snapshot of this reading: %d of %d parts are there", len(found), len(expected))
        return False
    index = Index(
        schema=SCHEMA,
        reading=sweep.id,
        taken_at=sweep.started_at,
        ended_at=watch.now(),
        edition=watch.settings.policy.edition,
        parts=found,
        key_check=keys.pop(),
    )
    await archive.complete(container, place, index)
    log.info("snapshot of %d users", index.users)
    return True


def _place(watch: Watch, sweep: Sweep) -> str:
    return archive.folder(watch.settings.tenant_id, sweep.started_at, sweep.id)
