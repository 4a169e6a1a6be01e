"""Nobody changes what is stored without a new version of it, and every version is read."""

import msgspec
import pytest

from shared.ledger import journal
from shared.model import User
from shared.storage import versions
from shared.watch.messages import read_changed, read_step
from shared.watch.reach import registration_rows
from shared.watch.users import spill
from tests.upgrade.recorded import FIXTURE_NAMES, data_of, kind_of, recorded
from tests.upgrade.shapes import (
    NUMBERS,
    PACKED_IDS,
    RECORD,
    STORED,
    as_toml,
    digest_of,
    recorded_shapes,
    shape_of,
)

WHAT_TO_DO = """what is stored has changed ({parts}), and its version has not.
An older release would lose or misread it.
1. If there is no fixture yet of what the last release stores, make one (tests/upgrade/make_fixture.py).
2. Raise the number of {what!r} (shared/storage/versions.py, or its SCHEMA) and read the old form.
3. Write the new shape down: python -m tests.upgrade.shapes. Name the release in CHANGELOG.md."""

OTHERS = {"evidence/told", "evidence/snapshots", "alerts/*/journal"}
"""Written once and never over: published forms, and the trail, which nobody reads back."""


@pytest.mark.parametrize("what", sorted(STORED))
def test_a_changed_shape_has_a_new_version(what: str) -> None:
    known, now = recorded_shapes()[what][str(NUMBERS[what])], shape_of(what)
    changed = sorted(name for name in now.keys() | known.keys() if now.get(name) != known.get(name))
    assert not changed, WHAT_TO_DO.format(what=what, parts=", ".join(changed))


def test_the_record_has_every_version_up_to_the_present_one_and_nothing_else() -> None:
    assert {what: set(found) for what, found in recorded_shapes().items()} == {
        what: {str(one) for one in range(1, number + 1)} for what, number in NUMBERS.items()
    }
    assert as_toml(recorded_shapes()) == RECORD.read_text()


def test_every_kind_of_blob_has_a_shape_or_a_form_of_its_own() -> None:
    assert NUMBERS.keys() == STORED.keys()
    blobs = {one for one in STORED if not one.startswith("queues/")}
    assert blobs | OTHERS == versions.KNOWN.keys() | versions.INSIDE


def test_the_shape_of_a_field_called_title_counts() -> None:
    class Before(msgspec.Struct):
        title: str

    class After(msgspec.Struct):
        title: int

    class Described(msgspec.Struct):
        """Whatever is said of it."""

        title: str

    before, after, described = (
        digest_of(msgspec.json.schema_components([one])[1][one.__name__]["properties"])
        for one in (Before, After, Described)
    )
    assert before != after
    assert before == described


@pytest.mark.parametrize("what", sorted(versions.KNOWN.keys() | versions.INSIDE))
def test_there_is_a_fixture_of_every_version_before_the_present_one(what: str) -> None:
    found = {
        int(blob["metadata"].get(versions.LABEL, "1"))
        for name in FIXTURE_NAMES
        for blob in recorded(name).blobs(what)
    }
    assert found >= {1, *range(1, NUMBERS.get(what, 1))}


@pytest.mark.parametrize("name", FIXTURE_NAMES)
def test_a_fixture_holds_nothing_that_this_release_does_not_know(name: str) -> None:
    assert recorded(name).kinds <= versions.KNOWN.keys() | versions.INSIDE


@pytest.mark.parametrize("name", FIXTURE_NAMES)
def test_every_blob_of_a_fixture_is_read_as_the_app_reads_it(name: str) -> None:
    for blob in recorded(name).blobs():
        what, data = kind_of(blob), data_of(blob)
        if what in versions.EMPTY:
            assert data == b""
        elif what == "alerts/*/journal":
            assert journal.read_lines(data, blob["name"])
        elif STORED.get(what) == (PACKED_IDS,):
            assert len(data) % 16 == 0
            assert data
        elif what == "evidence/*/spill":
            index, rows = data.split(b"\n", 1)
            sections = msgspec.json.decode(index, type=list[spill._Index])
            assert sum(one.length for one in sections) == len(rows)
            kind = User if "/spill/sweep/" in blob["name"] else registration_rows.Row
            assert msgspec.json.decode(rows[: sections[0].length], type=list[kind])  # type: ignore[valid-type]
        elif what in STORED and what != "ledger/*/telling":
            [kind] = STORED[what]
            assert msgspec.json.decode(data, type=kind)


@pytest.mark.parametrize("name", FIXTURE_NAMES)
def test_every_message_of_a_fixture_is_read(name: str) -> None:
    queues = {one["queue"] for one in recorded(name).messages}
    assert queues == {"changed-users", "heard", "sweeps", "journal"}
    for one in recorded(name).messages:
        if one["queue"] == "sweeps":
            assert read_step(one["text"]).reading
        elif one["queue"] != "journal":
            assert read_changed(one["text"]).at.tzinfo
