"""Snapshot files: what is written is read, what is not whole is refused, verdicts stay the same."""

import gzip
import io
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import TenantFacts
from shared.rules.policy import Policy
from shared.snapshot.file import SnapshotUnreadable, read
from shared.snapshot.judging import Comparison, NoEdition, Rejudged, rejudged
from shared.snapshot.lines import SCHEMA, End, Head, Line, Reading
from tests.judgement.strategies import AT, policies, standings, tenants, users
from tests.snapshot.snapshots import RULES, written


def head(facts: TenantFacts, policy: Policy) -> Head:
    return Head(schema=SCHEMA, taken_at=AT, source="audit", rules=RULES.digest, policy=policy, facts=facts)


heads = st.builds(head, tenants(), policies)
readings = st.lists(st.builds(Reading, user=users(), standing=standings, at=st.just(AT)), max_size=4).map(
    lambda listed: [
        msgspec.structs.replace(one, user=msgspec.structs.replace(one.user, id=f"u{number}"))
        for number, one in enumerate(listed)
    ]
)


def lines_of(data: bytes) -> list[Line]:
    return list(read(io.BytesIO(data)))


@given(heads, readings)
def test_what_is_written_is_read_again(head: Head, users: list[Reading]) -> None:
    first, *middle, last = lines_of(written(head, users))
    assert first == head
    assert middle == users
    assert isinstance(last, End)
    assert last.users == len(users)


@given(heads, readings)
def test_a_snapshot_judged_again_gives_the_same_verdicts_bit_for_bit(
    head: Head, users: list[Reading]
) -> None:
    *people, comparison = rejudged(lines_of(written(head, users)), RULES)
    assert isinstance(comparison, Comparison)
    assert comparison.same
    assert [one.reading for one in people if isinstance(one, Rejudged)] == users


@given(heads, readings, st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_users(
    head: Head, users: list[Reading], random: Random
) -> None:
    shuffled = users.copy()
    random.shuffle(shuffled)
    assert lines_of(written(head, users))[-1] == lines_of(written(head, shuffled))[-1]


@given(heads, readings, st.data())
def test_a_snapshot_that_was_cut_anywhere_is_refused(
    head: Head, users: list[Reading], data: st.DataObject
) -> None:
    whole = written(head, users)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(SnapshotUnreadable):
        lines_of(whole[:cut])


@given(heads, readings, readings)
def test_sections_joined_end_to_end_are_one_snapshot(
    head: Head, users: list[Reading], others: list[Reading]
) -> None:
    joined = lines_of(written(head, users) + written(head, others))
    assert [one for one in joined if isinstance(one, Reading)] == [*users, *others]
    assert sum(isinstance(one, Comparison) and one.same for one in rejudged(joined, RULES)) == 2


def test_another_edition_changes_who_governs_and_the_comparison_says_so() -> None:
    policy = Policy(edition="2017-10-24", scope="all")
    [comparison] = rejudged(lines_of(written(head(TenantFacts(tenant_id="t"), policy), [])), RULES)
    assert isinstance(comparison, Comparison)
    assert comparison.same
    with pytest.raises(NoEdition):
        list(rejudged([head(TenantFacts(tenant_id="t"), policy)], RULES, "1999-01-01"))


def packed(*lines: bytes) -> bytes:
    return gzip.compress(b"".join(line + b"\n" for line in lines))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the end is missing"),
        (b"%PDF-1.7", "not gzip"),
        (packed(b"{}"), "line 1: not a line of a snapshot"),
        (packed(b'{"line":"end","users":0,"verdicts":""}'), "there is no head before it"),
        (packed(b'{"line":"user","user":{"id":"secret@contoso.com"},"standing":{},"at":7}'), "at $.at"),
    ],
    ids=["nothing", "another file", "another JSON", "no head", "no time"],
)
def test_what_is_no_snapshot_is_refused_and_never_quoted(data: bytes, reason: str) -> None:
    with pytest.raises(SnapshotUnreadable) as refused:
        lines_of(data)
    assert reason in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_later_schema_is_refused_by_name() -> None:
    whole = head(TenantFacts(tenant_id="t"), Policy())
    later = msgspec.structs.replace(whole, schema=SCHEMA + 1)
    with pytest.raises(SnapshotUnreadable, match=f"schema {SCHEMA + 1} is not known"):
        lines_of(written(later, []))


@pytest.mark.parametrize(
    "line",
    [
        b'{"line":"head","schema":2,"facts":{"tenant":"t"}}',
        b'{"line":"head","schema":2,"taken_at":7,"source":"sweep","rules":[]}',
    ],
    ids=["fields that went", "fields that mean something else"],
)
def test_a_later_schema_is_refused_by_name_also_where_its_fields_are_not_ours(line: bytes) -> None:
    with pytest.raises(SnapshotUnreadable, match="schema 2 is not known") as refused:
        lines_of(packed(line))
    assert refused.value.code == "newer-schema"


def test_a_section_with_too_few_users_is_refused() -> None:
    whole = gzip.decompress(written(head(TenantFacts(tenant_id="t"), Policy()), []))
    first, last = whole.splitlines()
    with pytest.raises(SnapshotUnreadable, match="7 users are promised, 0 are there"):
        lines_of(packed(first, last.replace(b'"users":0', b'"users":7')))
