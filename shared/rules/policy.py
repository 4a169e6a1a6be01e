"""The choices of an administrator that change a verdict: the part of the settings that judgement reads."""

import hashlib
from datetime import timedelta

import msgspec


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What judgement.md leaves to a setting. An empty option means: as the edition itself says.

    `scope`: auto, report, all, or groups (then `scope_groups` names them). `contested`: covered,
    undetermined, uncovered. `population`: enabled, capable, used. `writeback`: on, off, unknown.
    `synced_without_writeback`: not_in_reach, judge_as_cloud, judge_as_synced. `internal_guests`:
    not_in_reach, judge. `administrators`: cloud_free, as_users.
    """

    edition: str = "2017-10-24"
    contested: str = ""
    developer_skus: str = "count"
    scope: str = "auto"
    scope_groups: tuple[str, ...] = ()
    population: str = "enabled"
    report_grace: timedelta = timedelta(hours=48)
    report_max_age: timedelta = timedelta(days=14)
    resource_accounts: str = "skip"
    emergency_group: str = ""
    writeback: str = "unknown"
    synced_without_writeback: str = ""
    internal_guests: str = ""
    administrators: str = ""
    ends_soon: timedelta = timedelta(days=30)
    seats_low: int = 0

    def fingerprint(self, rules_digest: str = "") -> str:
        """Sixteen hex digits that change with any choice, and with the rules' own digest."""
        text = msgspec.json.encode((msgspec.to_builtins(self), rules_digest))
        return hashlib.blake2b(text, digest_size=8).hexdigest()
