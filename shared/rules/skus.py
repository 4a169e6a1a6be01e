"""What SKUs are: our own table of facts, read from `skus.toml` (judgement.md §2). The key is the SKU's id."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from shared.guids import GUID
from shared.rules.errors import RulesError
from shared.rules.rows import all_of, one_of, only, read_toml, row, table

PLANS = ("p2", "p1", "basic", "basic-edu")
"""Entra plans in the order in which they decide (judgement.md §2, step 3)."""

STEPS = ("not-a-person", "developer", "paid", "never")
"""A class counts: never for a person; by setting; as a cloud level by the edition; only by its plans."""


class SkuClass(msgspec.Struct, frozen=True, kw_only=True):
    """One class of SKUs: its step of judgement.md §2 and the reason code that a verdict gives.

    `offer`: its place when a remedy offers licences, smallest products first; 0: never offered.
    """

    name: str
    step: Literal["not-a-person", "developer", "paid", "never"]
    reason: str
    offer: int
    about: str


class SkuEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU of our table. `entra_plans`: keys of `PLANS`, best first; `name` is for people."""

    sku_id: str
    string_id: str
    name: str
    sku_class: SkuClass
    entra_plans: tuple[str, ...] = ()


class SkuTable(msgspec.Struct, frozen=True, kw_only=True):
    """All of `skus.toml`. `plans` maps a service plan's id to its key; `office_plans` are ids."""

    entries: Mapping[str, SkuEntry]
    classes: Mapping[str, SkuClass]
    plans: Mapping[str, str]
    office_plans: frozenset[str]

    def get(self, sku_id: str) -> SkuEntry | None:
        """The entry of that SKU id; None if our table does not class it."""
        return self.entries.get(sku_id)

    def name(self, sku_id: str, fallback: str = "") -> str:
        """The product's name for people: ours, else the fallback, else the id."""
        entry = self.entries.get(sku_id)
        return entry.name if entry else fallback or sku_id

    def resource_like(self, sku_id: str) -> bool:
        """Whether it is a licence for a room, device, robot or resource account, not for a person."""
        entry = self.entries.get(sku_id)
        return entry is not None and entry.sku_class.step == "not-a-person"


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    name: str


class _Class(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    step: str
    reason: str
    offer: int
    about: str


class _Sku(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    string_id: str
    name: str
    plans: tuple[str, ...] = ()


def load_skus(path: Path) -> SkuTable:
    """Read and check the SKU table. Raises `RulesError`."""
    raw, file = read_toml(path), path.name
    only(raw, ("plans", "office-plans", "classes", "skus"), file)
    plans = _plans(table(raw, file, "plans"), file)
    classes = {name: _class(name, one, file) for name, one in table(raw, file, "classes").items()}
    entries: dict[str, SkuEntry] = {}
    groups = table(raw, file, "skus")
    for name, group in groups.items():
        if name not in classes:
            fix = f"add it to [classes] or name one of {', '.join(classes)}"
            raise RulesError(file, f"skus.{name}", f"there is no class {name}", fix)
        if not isinstance(group, list) or not group:
            fix = "list its SKUs, one inline table a line"
            raise RulesError(file, f"skus.{name}", "the class has no SKUs", fix)
        for number, one in enumerate(group, start=1):
            entry = _sku(one, classes[name], file, f"skus.{name}[{number}]")
            if entry.sku_id in entries:
                fix = "delete one of the two rows"
                raise RulesError(file, f"skus.{name}[{number}]", f"{entry.sku_id} stands twice", fix)
            entries[entry.sku_id] = entry
    all_of(groups, tuple(classes), file, "skus")
    return SkuTable(
        entries=entries,
        classes=classes,
        plans={plan.id: key for key, plan in plans.items()},
        office_plans=_office(table(raw, file, "office-plans"), file, {plan.id for plan in plans.values()}),
    )


def _plans(raw: Mapping[str, Any], file: str) -> dict[str, _Plan]:
    all_of(raw, PLANS, file, "plans")
    plans: dict[str, _Plan] = {}
    for key in PLANS:
        plan = row(_Plan, raw[key], file, f"plans.{key}")
        _guid(plan.id, file, f"plans.{key}.id")
        if any(plan.id == other.id for other in plans.values()):
            raise RulesError(file, f"plans.{key}.id", f"{plan.id} stands twice", "give each plan its own id")
        plans[key] = plan
    return plans


def _office(raw: Mapping[str, Any], file: str, entra: set[str]) -> frozenset[str]:
    seen: set[str] = set()
    for name, plan in raw.items():
        key = f"office-plans.{name}"
        if not isinstance(plan, str):
            raise RulesError(file, key, "not a text", 'write <plan name> = "<plan id>"')
        _guid(plan, file, key)
        if plan in seen or plan in entra:
            raise RulesError(file, key, f"{plan} stands twice", "delete one of the two rows")
        seen.add(plan)
    return frozenset(seen)


def _class(name: str, raw: object, file: str) -> SkuClass:
    key = f"classes.{name}"
    read = row(_Class, raw, file, key)
    one_of(read.step, STEPS, file, f"{key}.step")
    if not read.reason or not read.about:
        fix = "give a reason code and a line that says what is in the class"
        raise RulesError(file, key, "reason or about is empty", fix)
    if read.offer < 0:
        fix = "give its place among the offers, 1 for the smallest products, or 0: never offered"
        raise RulesError(file, f"{key}.offer", f"no place: {read.offer}", fix)
    return row(SkuClass, {"name": name, **msgspec.structs.asdict(read)}, file, key)


def _sku(raw: object, sku_class: SkuClass, file: str, key: str) -> SkuEntry:
    read = row(_Sku, raw, file, key)
    _guid(read.id, file, f"{key}.id")
    for plan in read.plans:
        one_of(plan, PLANS, file, f"{key}.plans")
    if list(read.plans) != sorted(set(read.plans), key=PLANS.index):
        fix = f"name each once, in the order {', '.join(PLANS)}"
        raise RulesError(file, f"{key}.plans", "out of order or twice", fix)
    if not read.string_id or not read.name:
        raise RulesError(
            file, key, "string_id or name is empty", "give Microsoft's string id and product name"
        )
    return SkuEntry(
        sku_id=read.id,
        string_id=read.string_id,
        name=read.name,
        sku_class=sku_class,
        entra_plans=read.plans,
    )


def _guid(value: str, file: str, key: str) -> None:
    if not GUID.fullmatch(value):
        fix = "write 8-4-4-4-12 hex digits in lower case, nothing around them"
        raise RulesError(file, key, f"not an id: {value!r}", fix)
