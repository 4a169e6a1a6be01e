"""The SKUs a generated tenant can own: ids and names as Microsoft publishes them, and the plans that count.

About thirty of the several hundred SKUs, each with the few plans that tell them apart: enough for every
reading the watch makes, and small enough to be read (`skus.toml`). `PILOT_SUITE` is made up: nobody knows it.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from sandbox.graph.records import Plan

_TABLE = tomllib.loads(Path(__file__).with_name("skus.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class SkuKind:
    """A SKU as Microsoft sells it."""

    sku_id: str
    part_number: str
    name: str
    plans: tuple[Plan, ...]


PLAN_IDS: dict[str, str] = dict(_TABLE["plans"])
"""Service plan ids by name."""

PREMIUM_PLANS = frozenset({PLAN_IDS["AAD_PREMIUM"], PLAN_IDS["AAD_PREMIUM_P2"]})
"""Entra ID P1 and P2."""

KINDS: dict[str, SkuKind] = {
    part: SkuKind(row["id"], part, row["name"], tuple(Plan(PLAN_IDS[name], name) for name in row["plans"]))
    for part, row in _TABLE["skus"].items()
}
"""All SKUs by part number."""

BY_ID = {kind.sku_id: kind for kind in KINDS.values()}
"""All SKUs by id."""

O365_E3 = KINDS["ENTERPRISEPACK"].sku_id
EMS_E3 = KINDS["EMS"].sku_id
M365_E3 = KINDS["SPE_E3"].sku_id
M365_E5 = KINDS["SPE_E5"].sku_id
M365_F3 = KINDS["SPE_F1"].sku_id
BUSINESS_PREMIUM = KINDS["SPB"].sku_id
ENTRA_P2 = KINDS["AAD_PREMIUM_P2"].sku_id
VISIO = KINDS["VISIOCLIENT"].sku_id
AUTOMATE_FREE = KINDS["FLOW_FREE"].sku_id
FABRIC_FREE = KINDS["POWER_BI_STANDARD"].sku_id
TEAMS_EXPLORATORY = KINDS["TEAMS_EXPLORATORY"].sku_id
TEAMS_ROOMS_PRO = KINDS["Microsoft_Teams_Rooms_Pro"].sku_id
PHONE_RESOURCE = KINDS["PHONESYSTEM_VIRTUALUSER"].sku_id
PILOT_SUITE = KINDS["PILOT_SUITE"].sku_id
