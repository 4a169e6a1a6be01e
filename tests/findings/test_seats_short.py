"""What is to be bought are the fewest seats: so many suffice for everyone, and one less does not."""

from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.findings import of_tenant
from shared.model import Evidence, EvidenceStatus, Finding, Sku, TenantFacts, Totals
from shared.rules.loader import load_rules
from shared.rules.policy import Policy

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RULES = load_rules()
PLAN_IDS = {key: plan for plan, key in RULES.skus.plans.items()}
BY_NAME = {entry.string_id: entry for entry in RULES.skus.entries.values()}
P1, CLOUD = ("AAD_PREMIUM", "EMS", "SPE_E3"), ("EXCHANGESTANDARD", "ENTERPRISEPACK")
READ = Evidence(status=EvidenceStatus.OK, read_at=AT)


def owned(name: str, free: int) -> Sku:
    """A product with so many seats free, and others in use."""
    entry = BY_NAME[name]
    plans = tuple(PLAN_IDS[key] for key in entry.entra_plans)
    return Sku(sku_id=entry.sku_id, part_number=name, enabled=20 + free, consumed=20, plans=plans)


def short(
    skus: dict[str, int], needs: dict[str, int], held: dict[str, int], products: Evidence = READ
) -> dict[str, Finding]:
    """The findings about seats by the level that is short. `products`: how the reading of these ended."""
    facts = TenantFacts(
        tenant_id="t",
        country="NL",
        on_premises_sync=True,
        skus={BY_NAME[name].sku_id: owned(name, free) for name, free in skus.items()},
        evidence={
            **dict.fromkeys(("subscriptions", "organization", "groups", "registration"), READ),
            "skus": products,
        },
    )
    totals = Totals(
        users=100,
        in_reach=90,
        synced_in_reach=5,
        need_p1=needs["p1"],
        need_cloud=needs["cloud"],
        reclaimable={BY_NAME[name].sku_id: count for name, count in held.items()},
    )
    found = of_tenant(facts, totals, RULES, Policy(writeback="on"), AT)
    return {one.about: one for one in found if one.kind == "seats-short"}


def enough(needs: dict[str, int], p1: int, cloud: int) -> bool:
    """Whether so many seats of either level serve everyone: P1 does for all, a cloud level for some."""
    return p1 >= needs["p1"] and p1 + cloud >= needs["p1"] + needs["cloud"]


counts = st.integers(min_value=0, max_value=12)
seats = st.dictionaries(st.sampled_from(P1 + CLOUD), counts)


@given(
    skus=seats,
    needs=st.fixed_dictionaries({"p1": counts, "cloud": counts}),
    held=st.dictionaries(st.sampled_from(P1 + CLOUD), counts),
)
def test_buying_what_is_told_suffices_and_one_less_does_not(
    skus: dict[str, int], needs: dict[str, int], held: dict[str, int]
) -> None:
    held = {name: count for name, count in held.items() if name in skus}
    found = short(skus, needs, held)
    buy = {level: found[level].facts["buy"] if level in found else 0 for level in ("p1", "cloud")}
    have = {
        level: sum(free + held.get(name, 0) for name, free in skus.items() if name in names)
        for level, names in (("p1", P1), ("cloud", CLOUD))
    }
    assert enough(needs, have["p1"] + buy["p1"], have["cloud"] + buy["cloud"])
    for level in ("p1", "cloud"):
        if buy[level]:
            less = {**buy, level: buy[level] - 1}
            assert not enough(needs, have["p1"] + less["p1"], have["cloud"] + less["cloud"])


@given(skus=seats, needs=st.fixed_dictionaries({"p1": counts, "cloud": counts}))
def test_the_smallest_product_that_does_is_the_one_to_buy(
    skus: dict[str, int], needs: dict[str, int]
) -> None:
    found = short(skus, needs, {})
    assume(found)
    order = {"p1": P1, "cloud": CLOUD + P1}
    for level, finding in found.items():
        bought = [one.values["sku"] for one in finding.remedy if one.step == "buy-fewest"]
        owned_names = [name for name in order[level] if name in skus]
        places = [RULES.skus.entries[BY_NAME[name].sku_id].sku_class.offer for name in owned_names]
        if not owned_names:
            assert bought == []
            continue
        (sku_id,) = bought
        name = RULES.skus.entries[sku_id].string_id
        of_level = [one for one in owned_names if (one in P1) == (name in P1)]
        assert places[owned_names.index(name)] == min(places[owned_names.index(one)] for one in of_level)
        assert name in order[level]
        assert level == "p1" or name in CLOUD or not set(CLOUD) & set(skus)


def test_where_products_were_never_read_no_seat_is_said_to_be_missing() -> None:
    needs = {"p1": 3, "cloud": 2}
    assert set(short({}, needs, {})) == {"p1", "cloud"}
    refused = Evidence(status=EvidenceStatus.FORBIDDEN, tried_at=AT, permission="Organization.Read.All")
    assert short({}, needs, {}, refused) == {}
    # An older reading stays in force.
    assert set(short({}, needs, {}, Evidence(status=EvidenceStatus.FORBIDDEN, read_at=AT))) == {"p1", "cloud"}
