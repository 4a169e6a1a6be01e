"""Reads `tests/cases/verdicts.toml`: a case becomes a user, what is known of them, and a tenant."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from shared.model import (
    CommerceSubscription,
    Evidence,
    EvidenceStatus,
    Registration,
    Sku,
    Standing,
    TenantFacts,
    User,
    Verdict,
)
from shared.rules.policy import Policy

CASES = Path(__file__).resolve().parents[1] / "cases"
AT = datetime(2026, 9, 1, 12, tzinfo=UTC)
USER_ID = "00000000-0000-0000-0000-000000000001"
EDITIONS = ("2017-10-24", "2025-03-04")
KEYS = {
    "name", "proves", "synced", "holds", "states", "tenant", "gone", "never_read", "policy", "user",
    "domains", "report", "created_hours", "enabled_hours", "standing", "admin_sspr_allowed", "reach",
    *EDITIONS,
}  # fmt: skip
EXPECTED = {"state", "cause", "rule", "warnings", "because", "reset", "writeback"}


@dataclass(frozen=True)
class Case:
    """One case of a file, with the file's plans and SKUs."""

    raw: Mapping[str, Any]
    plans: Mapping[str, str]
    skus: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """The promise."""
        return str(self.raw["name"])

    @property
    def proves(self) -> tuple[str, ...]:
        """The rows and traps it stands for."""
        return tuple(self.raw["proves"])

    def sku_id(self, string_id: str) -> str:
        """The id of a SKU of the file."""
        return str(self.skus[string_id]["id"])

    def user(self) -> User:
        """The account, decoded from JSON in Graph's own spelling."""
        raw: dict[str, Any] = {
            "id": USER_ID,
            "userPrincipalName": "ann@contoso.com",
            "displayName": "Ann",
            "accountEnabled": True,
            "userType": "Member",
            "identities": [{"signInType": "userPrincipalName", "issuer": "contoso.com"}],
            "usageLocation": "NL",
            "onPremisesSyncEnabled": True if self.raw.get("synced") else None,
            "createdDateTime": (AT - timedelta(hours=self.raw.get("created_hours", 9000))).isoformat(),
            "assignedLicenses": [self._licence(text) for text in self.raw.get("holds", ())],
            "licenseAssignmentStates": [self._state(text) for text in self.raw.get("states", ())],
        }
        for key, value in self.raw.get("user", {}).items():
            raw[key] = None if value == "(null)" else value
        return msgspec.json.decode(msgspec.json.encode(raw), type=User)

    def standing(self) -> Standing:
        """What is known of the account beyond itself."""
        report = self.raw.get("report")
        hours = self.raw.get("enabled_hours")
        row = None
        if report and set(report) != {"age_hours"}:
            row = Registration(
                id=USER_ID,
                is_sspr_enabled=report.get("enabled", False),
                is_sspr_capable=report.get("capable", False),
                is_admin=report.get("admin", False),
            )
        return Standing(
            registration=row,
            enabled_since=AT - timedelta(hours=hours) if hours is not None else None,
            **self.raw.get("standing", {}),
        )

    def facts(self) -> TenantFacts:
        """The tenant: every SKU of the file but those that are gone, unless its SKUs were never read."""
        gone = self.raw.get("gone", ())
        skus = (
            {}
            if self.raw.get("never_read")
            else {one: self._sku(one) for one in self.skus if one not in gone}
        )
        evidence = {}
        if "report" in self.raw:
            read_at = AT - timedelta(hours=self.raw["report"].get("age_hours", 1))
            evidence["registration"] = Evidence(status=EvidenceStatus.OK, read_at=read_at, tried_at=read_at)
        return TenantFacts(
            tenant_id="00000000-0000-0000-0000-0000000000aa",
            domains=tuple(self.raw.get("domains", ("contoso.com",))),
            admin_sspr_allowed=self.raw.get("admin_sspr_allowed"),
            skus={sku.sku_id: sku for sku in skus.values()},
            evidence=evidence,
        )

    def policy(self, edition: str) -> Policy:
        """The settings."""
        chosen = {"scope": "all", **self.raw.get("policy", {}), "edition": edition}
        return msgspec.convert(chosen, Policy)

    def expected(self, edition: str) -> Mapping[str, Any]:
        """What the edition must say."""
        says: Mapping[str, Any] = self.raw[edition]
        return says

    def told(self, verdict: Verdict, keys: Mapping[str, Any]) -> dict[str, Any]:
        """A verdict in the words of a case, as far as the case says something."""
        names = {entry["id"]: string_id for string_id, entry in self.skus.items()}

        def named(about: str) -> str:
            kind, colon, sku_id = about.rpartition(":")
            return kind + colon + names.get(sku_id, sku_id)

        told: dict[str, Any] = {
            "state": verdict.state.value,
            "cause": verdict.cause,
            "rule": verdict.rule,
            "warnings": sorted(f"{one.code} {named(one.about)}" for one in verdict.warnings),
            "because": sorted(
                f"{one.kind} {named(one.about)}" + (f" by {one.subject}" if one.subject else "")
                for one in verdict.because
            ),
        }
        for part in ("reset", "writeback"):
            if part in keys:
                answer = getattr(verdict, part)
                told[part] = f"{answer.answer} {answer.rule} {answer.cause}"
        return told

    def _licence(self, text: str) -> dict[str, Any]:
        sku, _, off = text.partition(" without ")
        disabled = [self.plans[plan] for plan in off.split(", ")] if off else []
        return {"skuId": self.sku_id(sku), "disabledPlans": disabled}

    def _state(self, text: str) -> dict[str, Any]:
        text, _, group = text.partition(" by ")
        sku, state, *error = text.split(" ")
        code = {"(null)": None, "(empty)": ""}.get(error[0], error[0]) if error else None
        return {
            "skuId": self.sku_id(sku),
            "assignedByGroup": group or None,
            "disabledPlans": [],
            "state": state,
            "error": code,
        }

    def _sku(self, string_id: str) -> Sku:
        entry = self.skus[string_id]
        differs = dict(self.raw.get("tenant", {}).get(string_id, {}))
        plans = differs.pop("plans", entry["plans"])
        trials = differs.pop("trials", ["no 100"])
        seats: dict[str, Any] = {"status": "Enabled", "enabled": 100, "consumed": 1, **differs}
        return Sku(
            sku_id=entry["id"],
            part_number=string_id.removesuffix(" (second)"),
            plans=tuple(self.plans[plan] for plan in plans),
            subscriptions=tuple(_subscription(string_id, one) for one in trials),
            **seats,
        )


def _subscription(string_id: str, text: str) -> CommerceSubscription:
    trial, total, *status = text.split(" ")
    return CommerceSubscription(
        id=f"{string_id} {text}",
        status=status[0] if status else "Enabled",
        is_trial={"yes": True, "no": False, "unreadable": None}[trial],
        total=int(total),
    )


def read_cases(path: Path) -> list[Case]:
    """All cases of a file; an unknown key is a mistake of its author, told at once."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    cases = [Case(one, raw["plans"], raw["skus"]) for one in raw["case"]]
    for case in cases:
        for key in set(case.raw) - KEYS:
            raise ValueError(f"{path.name}: {case.name}: unknown key {key}")
        for edition in EDITIONS:
            for key in set(case.raw[edition]) - EXPECTED:
                raise ValueError(f"{path.name}: {case.name}: {edition}: unknown key {key}")
    return cases
