"""What a newer release wrote is told from what is broken, and is said with what to do about it."""

from datetime import UTC, datetime

import pytest

from shared.graph import notifications
from shared.ledger.journal import JournalUnreadable, read_lines
from shared.storage import NewerSchema, versions
from shared.watch.messages import (
    CREATE,
    SCHEMA,
    SWEEP,
    BadMessage,
    Changed,
    NewerMessage,
    ReadingStep,
    read_changed,
    read_step,
    write_changed,
    write_order,
    write_step,
)
from tests.upgrade.recorded import data_of, recorded

TENANT = "ca7431db-57d1-4fb8-b1e3-1fbb32fc5706"
EPOCH = "20261123T074921Z-0ddb48"


@pytest.mark.parametrize(
    ("container", "name", "what"),
    [
        ("ledger", f"{TENANT}/manifest", "ledger/manifest"),
        ("ledger", f"{TENANT}/{EPOCH}/tenant", "ledger/*/tenant"),
        ("ledger", f"{TENANT}/{EPOCH}/users/001f", "ledger/*/users"),
        ("ledger", f"{TENANT}/locks/groups/{TENANT}", "ledger/locks"),
        ("evidence", f"{TENANT}/{EPOCH}/spill/sweep/abc/0000/0000001-7c37e615", "evidence/*/spill"),
        ("evidence", f"{TENANT}/groups/{TENANT}", "evidence/groups"),
        ("alerts", f"{TENANT}/{EPOCH}/tenant/0000000001.ndjson", "alerts/*/journal"),
        ("ledger", "alone", "ledger/alone"),
    ],
)
def test_a_blob_is_told_by_its_name(container: str, name: str, what: str) -> None:
    assert versions.what_is(container, name) == what


def test_every_blob_that_has_a_schema_is_written_with_it_beside_its_other_labels() -> None:
    name = f"{TENANT}/{EPOCH}/users/0000"
    assert versions.labelled("ledger", name, {"outbox": "2"}) == {"outbox": "2", "schema": "1"}
    assert versions.labelled("ledger", name, None) == {"schema": "1"}
    assert versions.labelled("ledger", f"{TENANT}/locks/telling", None) == {}
    assert versions.labelled("alerts", f"{TENANT}/{EPOCH}/0000/0000000001.ndjson", {}) == {}


@pytest.mark.parametrize("metadata", [{}, {"schema": "1"}, {"outbox": "0"}])
def test_what_has_no_label_was_written_before_there_were_any_and_is_read(metadata: dict[str, str]) -> None:
    for what in versions.KNOWN:
        container, _, rest = what.partition("/")
        assert versions.newer(container, f"{TENANT}/{rest.replace('*', EPOCH)}", metadata) is None


@pytest.mark.parametrize("more", [1, 16, "two", ""])
@pytest.mark.parametrize("what", sorted(versions.KNOWN))
def test_a_later_number_or_none_that_is_known_is_refused_by_name_with_the_remedy(
    what: str, more: int | str
) -> None:
    container, _, rest = what.partition("/")
    name, known = f"{TENANT}/{rest.replace('*', EPOCH)}", versions.KNOWN[what]
    label = str(known + more) if isinstance(more, int) else more
    fault = versions.newer(container, name, {"schema": label})
    assert isinstance(fault, NewerSchema)
    assert (fault.path, fault.found, fault.known) == (f"{container}/{name}", label, known)
    assert "Deploy that release again (docs/runbook.md, Going back)" in str(fault)


def journal_blob() -> bytes:
    return data_of(recorded("v1").blobs("alerts/*/journal")[0])


def test_a_line_of_the_journal_whose_fields_mean_something_else_is_not_read() -> None:
    whole = journal_blob()
    assert len(read_lines(whole, "path")) > 1
    newer = whole.replace(b'{"schema":1', b'{"schema":2', 1)
    with pytest.raises(NewerSchema, match=r"alerts/path is of schema 2, this release knows 1"):
        read_lines(newer, "path")
    with pytest.raises(NewerSchema):
        read_lines(b'{"schema":3,"quite":"another"}\n', "path")
    with pytest.raises(JournalUnreadable):
        read_lines(b'{"schema":1,"quite":"another"}\n', "path")
    with pytest.raises(JournalUnreadable):
        read_lines(b"no line", "path")


def test_a_field_more_in_the_journal_is_passed_over() -> None:
    more = journal_blob().replace(b'{"schema":1', b'{"later":true,"schema":1')
    assert read_lines(more, "path") == read_lines(journal_blob(), "path")


@pytest.mark.parametrize(
    "text",
    [
        '{"schema":2,"users":["a"],"at":"2026-11-24T15:36:36Z"}',
        '{"schema":2,"people":["a"]}',
        '{"schema":9,"reading":"sweep","id":"x","step":2}',
        '{"schema":2,"users":7}',
    ],
)
def test_a_message_of_a_newer_release_says_so_whatever_else_is_in_it(text: str) -> None:
    for read in (read_changed, read_step):
        with pytest.raises(NewerMessage, match="a newer release sent it"):
            read(text)


@pytest.mark.parametrize("text", ['{"people":["a"]}', "[]", "\xff", '{"schema":"two","users":["a"]}'])
def test_a_message_that_says_nothing_of_a_release_is_merely_bad(text: str) -> None:
    for read in (read_changed, read_step):
        with pytest.raises(BadMessage) as caught:
            read(text)
        assert not isinstance(caught.value, NewerMessage)


@pytest.mark.parametrize("kind", [Changed, ReadingStep])
def test_a_message_without_a_number_is_of_schema_1_for_ever(kind: type[Changed | ReadingStep]) -> None:
    assert kind.__struct_fields__[-1] == "schema"
    assert kind.__struct_defaults__[-1] == 1


def test_whoever_sends_a_message_sends_it_in_the_present_form() -> None:
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    call = notifications.Call(
        user_ids=(TENANT,),
        group_ids=(TENANT,),
        lifecycle=(notifications.Lifecycle(TENANT, "missed"),),
        counts={},
        subscriptions={},
    )
    changed = [*notifications.messages(call, at), *write_changed(at, users=[TENANT])]
    steps = [*notifications.lifecycle_messages(call, at), write_step(SWEEP, "x", 1), write_order(CREATE, at)]
    assert {read_changed(one).schema for one in changed} == {SCHEMA}
    assert {read_step(one).schema for one in steps} == {SCHEMA}
