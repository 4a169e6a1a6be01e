"""The administrator's settings at random: as the watch reads them, and as the second judge calls them."""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

Settings = dict[str, str]

OPTIONS: Mapping[str, Sequence[str]] = {
    # Repeated: the likelier ones. "" leaves the setting to the edition.
    "POLICY_EDITION": ("2017-10-24", "2017-10-24", "2025-03-04"),
    "CONTESTED": ("", "", "", "covered", "undetermined", "uncovered"),
    "DEVELOPER_SKUS": ("count", "count", "ignore"),
    "POPULATION": ("enabled", "enabled", "enabled", "capable", "used"),
    "RESOURCE_ACCOUNTS": ("skip", "skip", "judge"),
    "PASSWORD_WRITEBACK": ("on", "on", "on", "off", "unknown"),
    "SYNCED_WITHOUT_WRITEBACK": ("", "", "not_in_reach", "judge_as_cloud", "judge_as_synced"),
    "INTERNAL_GUESTS": ("", "", "not_in_reach", "judge"),
    "ADMINISTRATORS": ("", "", "cloud_free", "as_users"),
    "SSPR_SCOPE": ("auto", "auto", "report", "all", "groups"),
    "EMERGENCY_GROUP": ("", "yes"),
}
"""What the oracle turns at, each value as often as it is listed. Of `SSPR_SCOPE` and `EMERGENCY_GROUP` the
groups are filled in."""

GRACE, MAX_AGE, ENDS_SOON = timedelta(hours=48), timedelta(days=14), timedelta(days=30)
"""REPORT_GRACE, REPORT_MAX_AGE and ENDS_SOON_DAYS as they are by default."""


def value(rng: random.Random, name: str, groups: Mapping[str, str]) -> str:
    """A value for this setting; `groups`: ids of the groups `scope` and `emergency`."""
    chosen = rng.choice(OPTIONS[name])
    if name == "SSPR_SCOPE" and chosen == "groups":
        return f"groups:{groups['scope']}"
    if name == "EMERGENCY_GROUP" and chosen:
        return groups["emergency"]
    return chosen


def draw(rng: random.Random, groups: Mapping[str, str]) -> Settings:
    """Every setting at random."""
    return {name: value(rng, name, groups) for name in OPTIONS}


def other(rng: random.Random, settings: Settings, groups: Mapping[str, str]) -> Settings:
    """The settings with one of them changed for certain; sometimes two."""
    changed = dict(settings)
    while changed == settings:
        for name in rng.sample(sorted(OPTIONS), rng.choice((1, 1, 2))):
            changed[name] = value(rng, name, groups)
    return changed


def policy_of(settings: Settings) -> dict[str, Any]:
    """The same choices as the second judge takes them; `edition`, `scope_groups` and `emergency` besides."""
    scope, _, listed = settings["SSPR_SCOPE"].partition(":")
    return {
        "edition": settings["POLICY_EDITION"],
        "scope_groups": tuple(one for one in listed.split(",") if one),
        "emergency": settings["EMERGENCY_GROUP"],
        "contested": settings["CONTESTED"],
        "developer_skus": settings["DEVELOPER_SKUS"],
        "scope": scope,
        "population": settings["POPULATION"],
        "report_grace": GRACE,
        "report_max_age": MAX_AGE,
        "resource_accounts": settings["RESOURCE_ACCOUNTS"],
        "writeback": settings["PASSWORD_WRITEBACK"],
        "synced_without_writeback": settings["SYNCED_WITHOUT_WRITEBACK"],
        "internal_guests": settings["INTERNAL_GUESTS"],
        "administrators": settings["ADMINISTRATORS"],
    }
