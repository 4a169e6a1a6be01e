"""Reads `tests/cases/findings.toml`: builds each case's tenant and user, finds, and names ids again."""

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from shared import findings
from shared.judgement import Judge
from shared.model import (
    AssignedLicense,
    CommerceSubscription,
    Evidence,
    EvidenceStatus,
    Finding,
    GroupError,
    LicenseAssignmentState,
    LicensingGroup,
    Registration,
    Sku,
    Standing,
    TenantFacts,
    Totals,
    User,
)
from shared.rules.loader import Rules, load_rules
from shared.rules.policy import Policy

FILE = Path(__file__).parents[1] / "cases" / "findings.toml"
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TENANT_ID = "00000000-0000-4000-8000-00000000000a"
USER_ID = "00000000-0000-4000-8000-00000000000b"

EVIDENCE = ("skus", "subscriptions", "organization", "groups", "registration")
"""Read an hour ago unless a case says otherwise."""

_TIME = re.compile(r"([+-])(\d+)([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def when(text: str) -> datetime:
    """`+10d`, `-3h`: a time from `AT` on."""
    match = _TIME.fullmatch(text)
    assert match, f"not a time: {text!r}; write +10d or -3h"
    sign, number, unit = match.groups()
    span = timedelta(**{_UNITS[unit]: int(number)})
    return AT + span if sign == "+" else AT - span


class Case:
    """One case of the file."""

    def __init__(self, raw: Mapping[str, Any], rules: Rules) -> None:
        self.raw = raw
        self.rules = rules
        self.name = str(raw["name"])

    def __repr__(self) -> str:
        return self.name

    @cached_property
    def ids(self) -> dict[str, str]:
        """Names of SKUs to ids. A name that our table does not have is its own id."""
        return {entry.string_id: sku_id for sku_id, entry in self.rules.skus.entries.items()}

    def id(self, name: str) -> str:
        return self.ids.get(name, name)

    @cached_property
    def policy(self) -> Policy:
        raw = dict(self.raw.get("policy", {}))
        for key in ("ends_soon", "report_max_age", "report_grace"):
            if key in raw:
                raw[key] = when(raw[key]) - AT
        raw["scope_groups"] = tuple(raw.get("scope_groups", ()))
        return Policy(**raw)

    @cached_property
    def skus(self) -> dict[str, Sku]:
        return {self.id(one["sku"]): self._sku(one) for one in self.raw.get("skus", ())}

    def _sku(self, raw: Mapping[str, Any]) -> Sku:
        sku_id = self.id(raw["sku"])
        entry = self.rules.skus.get(sku_id)
        keys = raw.get("plans", entry.entra_plans if entry else ())
        plans = tuple(plan for plan, key in self.rules.skus.plans.items() if key in keys)
        if raw.get("office"):
            plans = (*plans, min(self.rules.skus.office_plans))
        subscriptions = tuple(
            CommerceSubscription(
                id=f"sub-{number}",
                status=one.get("status", "Enabled"),
                is_trial=None if one.get("trial") == "unreadable" else one.get("trial", False),
                total=one.get("seats", 0),
                next_lifecycle_at=when(one["ends"]) if "ends" in one else None,
            )
            for number, one in enumerate(raw.get("subscriptions", ()))
        )
        return Sku(
            sku_id=sku_id,
            part_number=raw["sku"],
            status=raw.get("status", "Enabled"),
            enabled=raw.get("seats", 0),
            warning=raw.get("warning", 0),
            suspended=raw.get("suspended", 0),
            locked_out=raw.get("locked_out", 0),
            consumed=raw.get("used", 0),
            plans=plans,
            subscriptions=subscriptions,
        )

    @cached_property
    def groups(self) -> dict[str, LicensingGroup]:
        return {one["id"]: self._group(one) for one in self.raw.get("groups", ())}

    def _group(self, raw: Mapping[str, Any]) -> LicensingGroup:
        errors = tuple(
            GroupError(
                sku_id=self.id(one["sku"]),
                code=one["code"],
                members=one["members"],
                sample=tuple(one.get("sample", ())),
            )
            for one in raw.get("errors", ())
        )
        return LicensingGroup(
            id=raw["id"],
            sku_ids=tuple(self.id(one) for one in raw.get("skus", ())),
            errors=errors,
            nested_unlicensed=raw.get("nested", 0),
            processing_since=when(raw["processing"]) if "processing" in raw else None,
        )

    @cached_property
    def facts(self) -> TenantFacts:
        raw = self.raw.get("tenant", {})
        evidence = {name: Evidence(status=EvidenceStatus.OK, read_at=when("-1h")) for name in EVIDENCE}
        for name, one in raw.get("evidence", {}).items():
            evidence[name] = Evidence(
                status=EvidenceStatus(one.get("status", "ok")),
                read_at=when(one["read"]) if "read" in one else None,
                permission=one.get("permission", ""),
                unread={group: tuple(names) for group, names in one.get("unread", {}).items()},
            )
        return TenantFacts(
            tenant_id=TENANT_ID,
            country=raw.get("country", "NL") or None,
            on_premises_sync=raw.get("sync", True),
            skus=self.skus,
            groups=self.groups,
            evidence=evidence,
        )

    @cached_property
    def totals(self) -> Totals:
        raw = dict(self.raw.get("totals", {}))
        for key in ("hanging", "reclaimable", "reclaimable_sample"):
            raw[key] = {self._named(name): value for name, value in raw.get(key, {}).items()}
        sample = raw["reclaimable_sample"]
        raw["reclaimable_sample"] = {name: tuple(ids) for name, ids in sample.items()}
        return Totals(**raw)

    def _named(self, text: str) -> str:
        """Any SKU name inside a key such as `evidence-missing|trial:ENTERPRISEPACK` by its id."""
        head, _, last = text.rpartition(":")
        return f"{head}:{self.id(last)}" if head else self.id(text)

    @cached_property
    def user(self) -> User:
        raw = self.raw["user"]
        off = {self.id(name): plans for name, plans in raw.get("plan_off", {}).items()}
        by_key = {key: plan for plan, key in self.rules.skus.plans.items()}
        states = tuple(
            LicenseAssignmentState(
                sku_id=self.id(one["sku"]),
                assigned_by_group=one.get("group"),
                disabled_plans=tuple(by_key[key] for key in one.get("plan_off", ())),
                state=one.get("state", "Error"),
                error=one.get("error"),
            )
            for one in raw.get("sources", ())
        )
        return User(
            id=USER_ID,
            user_principal_name="someone@contoso.example",
            display_name="Some One",
            account_enabled=raw.get("enabled", True),
            usage_location=raw.get("location", "NL") or None,
            on_premises_sync_enabled=raw.get("synced"),
            assigned_licenses=tuple(
                AssignedLicense(
                    sku_id=sku_id, disabled_plans=tuple(by_key[key] for key in off.get(sku_id, ()))
                )
                for sku_id in map(self.id, raw.get("holds", ()))
            ),
            license_assignment_states=states,
        )

    @cached_property
    def standing(self) -> Standing:
        raw = dict(self.raw.get("standing", {}))
        row = raw.pop("row", {})
        registration = None
        if row != "absent":
            registration = Registration(
                id=USER_ID,
                is_sspr_enabled=row.get("enabled", True),
                is_sspr_registered=row.get("registered", False),
                is_sspr_capable=row.get("capable", False),
                is_admin=row.get("admin", False),
            )
        raw["nested_in"] = tuple(raw.get("nested_in", ()))
        return Standing(registration=registration, **raw)

    @cached_property
    def found(self) -> dict[str, tuple[Finding, ...]]:
        """By subject: `user`, `tenant`, or a group's id; of those that the case looks at."""
        rules, policy, facts = self.rules, self.policy, self.facts
        look = self.raw.get("look", ["user"] if "user" in self.raw else ["tenant"])
        found: dict[str, tuple[Finding, ...]] = {}
        for subject in look:
            if subject == "user":
                judged = Judge(rules, policy, facts).judged(self.user, self.standing, AT)
                of_user = findings.of_user(self.user, judged, self.standing, facts, rules, policy, AT)
                found[subject] = self._with_lost(of_user)
            elif subject == "tenant":
                problems = self.raw.get("problems", ())
                found[subject] = findings.of_tenant(facts, self.totals, rules, policy, AT, problems)
            else:
                found[subject] = findings.of_group(self.groups[subject], facts, rules, policy, AT)
        return found

    def _with_lost(self, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        before = self.raw.get("before")
        if before is None:
            return found
        return findings.with_lost(
            found,
            {},
            before=[self.id(one) for one in before["holds"]],
            counted=[self.id(one) for one in before["counted"]],
            held=[one.sku_id for one in self.user.assigned_licenses],
        )

    def readable(self, value: Any) -> Any:
        """A value of a finding with SKU ids as names, and everything as JSON has it."""
        names = {self.id(name): name for name in self._names_used()}
        return _mapped(msgspec.to_builtins(value), lambda text: _with_names(text, names))

    def _names_used(self) -> set[str]:
        used = {one["sku"] for one in self.raw.get("skus", ())}
        user = self.raw.get("user", {})
        return used | set(user.get("holds", ())) | {one["sku"] for one in user.get("sources", ())}

    def muted(self) -> list[str]:
        """`cause > symptom` of every pair found that a row of the mute table explains."""
        return sorted(
            f"{cause.kind} > {symptom.kind}"
            for of_cause, causes in self.found.items()
            for cause in causes
            for of_symptom, symptoms in self.found.items()
            for symptom in symptoms
            if any(
                row.explains(cause.kind, subject_id(of_cause), cause.about, symptom, subject_id(of_symptom))
                for row in self.rules.mutes
            )
        )


def subject_id(subject: str) -> str:
    """The object id of a case's subject."""
    return {"user": USER_ID, "tenant": TENANT_ID}.get(subject, subject)


def with_times(value: Any) -> Any:
    """An expected value with `+10d` as the time it stands for."""
    return _mapped(value, lambda text: when(text).isoformat() if _TIME.fullmatch(text) else text)


def _with_names(text: str, names: Mapping[str, str]) -> str:
    head, _, last = text.rpartition(":")
    return f"{head}:{names[last]}" if head and last in names else names.get(text, text)


def _mapped(value: Any, change: Any) -> Any:
    match value:
        case str():
            return change(value)
        case dict():
            return {change(key): _mapped(one, change) for key, one in value.items()}
        case list() | tuple():
            return [_mapped(one, change) for one in value]
    return value


def load_cases() -> list[Case]:
    """All cases of the file, in order."""
    rules = load_rules()
    return [Case(raw, rules) for raw in tomllib.loads(FILE.read_text(encoding="utf-8"))["case"]]
