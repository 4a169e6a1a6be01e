"""Rows to act on: a page is a slice of what fits, in an order that never depends on how rows came."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import Severity, State
from shared.report.counting import GRAVITY
from shared.report.figures import Row
from shared.report.rows import DIFFERING, LARGEST, SORTS, BadQuery, Query, find, fitting, ordered, query_of
from shared.texts.catalogue import Catalogue

AT = datetime(2026, 11, 22, tzinfo=UTC)
NAMES = st.sampled_from(("Ada", "ada", "Grace", "Straße", "Zoë", "", "İpek"))
KINDS = st.lists(st.sampled_from(("coverage", "assignment-error", "ends-soon")), max_size=2).map(tuple)
ROWS = st.lists(
    st.builds(
        Row,
        id=st.integers(0, 999).map(lambda n: f"id-{n:03d}"),
        name=NAMES,
        upn=NAMES.map(lambda name: f"{name}@contoso.example"),
        state=st.sampled_from(State),
        kinds=KINDS,
        severity=st.sampled_from(Severity),
        since=st.none() | st.integers(0, 5).map(lambda n: AT + timedelta(days=n)),
        others=st.sampled_from(({}, {"2025-03-04": State.UNDETERMINED})),
    ),
    unique_by=lambda row: row.id,
    max_size=30,
)
QUERIES = st.builds(
    Query,
    text=st.sampled_from(("", "ADA", "id-0", "straße", "nobody")),
    states=st.lists(st.sampled_from(State), unique=True, max_size=2).map(tuple),
    kinds=st.lists(st.sampled_from(("coverage", "ends-soon", DIFFERING)), unique=True, max_size=2).map(tuple),
    severity=st.lists(st.sampled_from(Severity), unique=True, max_size=2).map(tuple),
    sort=st.sampled_from(SORTS),
    descending=st.booleans(),
    page=st.integers(1, 4),
    size=st.integers(1, 12),
)


@given(ROWS, QUERIES)
def test_a_page_is_a_slice_of_all_that_fit_in_order(rows: list[Row], query: Query) -> None:
    whole = ordered(fitting(rows, query), query)
    found = find(rows, query)
    assert found.total == len(whole)
    assert list(found.rows) == whole[(query.page - 1) * query.size : query.page * query.size]


@given(ROWS, QUERIES)
def test_what_fits_is_what_each_filter_lets_through(rows: list[Row], query: Query) -> None:
    def fits(row: Row) -> bool:
        text = query.text.casefold()
        return (
            (not query.states or row.state in query.states)
            and (not query.severity or row.severity in query.severity)
            and (
                not query.kinds
                or bool(set(query.kinds) & set(row.kinds))
                or (DIFFERING in query.kinds and bool(row.others))
            )
            and any(text in part.casefold() for part in (row.name, row.upn, row.id))
        )

    assert fitting(rows, query) == [row for row in rows if fits(row)]


@given(ROWS, QUERIES, st.randoms())
def test_the_order_does_not_depend_on_how_the_rows_came(
    rows: list[Row], query: Query, chance: random.Random
) -> None:
    mixed = list(rows)
    chance.shuffle(mixed)
    assert ordered(mixed, query) == ordered(rows, query)


@given(ROWS)
def test_unasked_the_gravest_come_first_and_mere_differences_of_editions_last(rows: list[Row]) -> None:
    found = find(rows, Query(size=LARGEST)).rows
    places = [(not row.kinds, GRAVITY[row.severity]) for row in found]
    assert places == sorted(places)


def test_parameters_become_a_query() -> None:
    params = {
        "text": " Ada ",
        "states": "uncovered,undetermined",
        "kinds": "coverage,differing",
        "severity": "high",
        "sort": "since",
        "descending": "true",
        "page": "3",
        "size": "25",
        "language": "nl",
    }
    assert query_of(params) == Query(
        text="Ada",
        states=("uncovered", "undetermined"),
        kinds=("coverage", "differing"),
        severity=("high",),
        sort="since",
        descending=True,
        page=3,
        size=25,
    )
    assert query_of({}) == query_of({"text": " ", "page": ""}) == Query()


@pytest.mark.parametrize("name", ["state", "States", "foo", "code", "x" * 500, "\u202e\n<b>"])
def test_a_parameter_of_another_name_is_refused_with_those_that_are_known(
    texts: Catalogue, name: str
) -> None:
    for value in ("uncovered", ""):
        with pytest.raises(BadQuery) as fault:
            query_of({"states": "covered", name: value})
        said = fault.value.sentence(texts)
        assert "text, states, kinds, severity, sort, descending, page, size, language" in said
        assert "\n" not in said
        assert "\u202e" not in said
        assert len(said) < 300


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "x" * 201),
        ("states", "uncovered,fine"),
        ("kinds", "weather"),
        ("severity", "HIGH"),
        ("sort", "id; drop"),
        ("descending", "1"),
        ("page", "0"),
        ("page", "-1"),
        ("page", "1.5"),
        ("page", "²"),
        ("page", "9" * 30),
        ("size", "1001"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named_in_one_sentence(
    texts: Catalogue, name: str, value: str
) -> None:
    with pytest.raises(BadQuery) as fault:
        query_of({name: value})
    said = fault.value.sentence(texts)
    assert name in said
    assert "\n" not in said
    assert len(said) < 800
