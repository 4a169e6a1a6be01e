"""Which rules are applied, and how: what an administrator decides of the judging (judgement.md)."""

from datetime import timedelta

from shared.guids import GUID
from shared.rules.policy import Policy
from shared.settings.faults import Remedy
from shared.settings.reader import Reader, unknown


def read_policy(read: Reader) -> Policy:
    """The policy; what is wrong is noted at `read`."""
    scope, scope_groups = _scope(read)
    option = read.choice
    return Policy(
        edition=option("POLICY_EDITION", "2017-10-24", "2017-10-24", "2025-03-04"),
        contested=option("CONTESTED", "", "covered", "undetermined", "uncovered"),
        developer_skus=option("DEVELOPER_SKUS", "count", "count", "ignore"),
        scope=scope,
        scope_groups=scope_groups,
        population=option("POPULATION", "enabled", "enabled", "capable", "used"),
        report_grace=read.duration("REPORT_GRACE", "48h"),
        report_max_age=read.duration("REPORT_MAX_AGE", "14d"),
        resource_accounts=option("RESOURCE_ACCOUNTS", "skip", "skip", "judge"),
        emergency_group=read.guid("EMERGENCY_GROUP", Remedy("group")),
        writeback=option("PASSWORD_WRITEBACK", "unknown", "on", "off", "unknown"),
        synced_without_writeback=option(
            "SYNCED_WITHOUT_WRITEBACK", "", "not_in_reach", "judge_as_cloud", "judge_as_synced"
        ),
        internal_guests=option("INTERNAL_GUESTS", "", "not_in_reach", "judge"),
        administrators=option("ADMINISTRATORS", "", "cloud_free", "as_users"),
        ends_soon=timedelta(days=read.number("ENDS_SOON_DAYS", 30, 0, 365)),
        seats_low=read.number("SEATS_LOW", 0, 0, 1_000_000),
    )


def _scope(read: Reader) -> tuple[str, tuple[str, ...]]:
    value = read.text("SSPR_SCOPE", "auto")
    if value.lower() in ("auto", "report", "all"):
        return value.lower(), ()
    kind, _, listed = value.partition(":")
    ids = tuple(part.strip().lower() for part in listed.split(",") if part.strip())
    if kind.lower() != "groups" or not ids or not all(map(GUID.fullmatch, ids)):
        read.fault("SSPR_SCOPE", unknown(value), Remedy("scope", {"groups": "groups:<id>,<id>"}))
        return "auto", ()
    return "groups", ids
