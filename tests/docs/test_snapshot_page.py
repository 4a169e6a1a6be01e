"""docs/snapshot.md and docs/snapshot.schema.json say what the code writes."""

import gzip
import io
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shared.archive import snapshots as archive
from shared.archive.erasing import without_names
from shared.model import AssignedLicense, Registration, Sku, Standing, TenantFacts, User
from shared.rules.policy import Policy
from shared.snapshot.file import read
from shared.snapshot.judging import Comparison, rejudged
from shared.snapshot.lines import SCHEMA as VERSION
from shared.snapshot.lines import End, Head, Line, Reading
from shared.snapshot.pseudonyms import Pseudonyms
from tests.judgement.strategies import AT, policies, standings, tenants, users
from tests.snapshot.snapshots import RULES, written
from tools import write_snapshot_schema
from tools.schemas import laid_out

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "snapshot.md").read_text()
SCHEMA = ROOT / "docs" / "snapshot.schema.json"
EXAMPLE = ROOT / "docs" / "examples" / "read_snapshot.py"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text()))

TENANT_ID = "00000000-0000-4000-8000-00000000000a"
USER_ID = "00000000-0000-4000-8000-00000000000b"
TAKEN_AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
EMS_E3 = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
AAD_P1 = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"


def example() -> bytes:
    """The snapshot on the page."""
    head = Head(
        schema=VERSION,
        taken_at=TAKEN_AT,
        source="sweep",
        rules="f" * 16,
        policy=Policy(scope="all", writeback="on"),
        facts=TenantFacts(
            tenant_id=TENANT_ID,
            generation=7,
            observed_at=datetime(2026, 11, 23, 2, 55, tzinfo=UTC),
            country="NL",
            display_name="Contoso",
            domains=("contoso.example",),
            skus={
                EMS_E3: Sku(sku_id=EMS_E3, part_number="EMS", enabled=25, consumed=11, plans=(AAD_P1,)),
            },
        ),
    )
    ada = User(
        id=USER_ID,
        user_principal_name="ada@contoso.example",
        display_name="Ada Lovelace",
        account_enabled=True,
        user_type="Member",
        usage_location="NL",
        assigned_licenses=(AssignedLicense(sku_id=EMS_E3),),
    )
    row = Registration(id=USER_ID, is_sspr_enabled=True, is_sspr_registered=True)
    reading = Reading(
        user=ada,
        standing=Standing(registration=row),
        at=datetime(2026, 11, 23, 3, 0, 7, tzinfo=UTC),
    )
    grace = msgspec.structs.replace(
        ada,
        id=USER_ID[:-1] + "c",
        user_principal_name="grace@contoso.example",
        display_name="Grace Hopper",
        assigned_licenses=(),
    )
    return written(head, [reading, Reading(user=grace, standing=Standing(), at=reading.at)])


def rows(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(row) for row in gzip.decompress(data).splitlines()]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def breaches(line: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(line)]


def test_the_schema_is_what_the_structs_say() -> None:
    assert SCHEMA.read_text() == write_snapshot_schema.page(), "run: make snapshot-schema"
    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


def test_the_page_shows_a_head_a_user_and_an_end_as_they_are_written() -> None:
    head, first, _, end = rows(example())
    assert blocks("json") == [f"{laid_out(one)}\n" for one in (head, first, end)]


def test_a_person_can_be_erased_as_the_page_says_and_the_digest_holds() -> None:
    said = PAGE.partition("- **One person**")[2].partition("- **One snapshot**")[0]
    assert "`python -m admin erase`" in said
    assert "digest holds" in " ".join(said.split())
    erased = without_names(example(), USER_ID)
    assert erased
    told = gzip.decompress(erased).decode()
    assert "Ada" not in told
    assert "Grace" in told
    ends = [one["verdicts"] for data in (example(), erased) for one in rows(data) if one["line"] == "end"]
    assert ends[0] == ends[1]
    again = [one for one in rejudged(read(io.BytesIO(erased)), RULES) if isinstance(one, Comparison)]
    assert [one.same for one in again] == [True]


heads = st.builds(
    lambda facts, policy: Head(
        schema=VERSION, taken_at=AT, source="audit", rules=RULES.digest, policy=policy, facts=facts
    ),
    tenants(),
    policies,
)
readings = st.builds(Reading, user=users(), standing=standings, at=st.just(AT), member_of=st.just(("g", "h")))


@given(heads, readings)
def test_whatever_is_written_is_as_the_schema_says_and_with_pseudonyms_too(
    head: Head, reading: Reading
) -> None:
    names = Pseudonyms("k" * 40)
    sections = (written(head, [reading]), written(names.head(head), [names.reading(reading)]))
    for row in rows(b"".join(sections)):
        assert breaches(row) == []


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        (0, {"schema": 2}),
        (0, {"source": "guess"}),
        (0, {"facts": {}}),
        (0, {"new": 1}),
        (1, {"line": "person"}),
        (1, {"user": {"id": USER_ID}}),
        (1, {"standing": {"emergency": "yes"}}),
        (1, {"at": 7}),
        (3, {"users": -1}),
        (3, {"verdicts": "abc"}),
    ],
)
def test_a_line_that_is_not_so_is_against_the_schema(number: int, wrong: dict[str, Any]) -> None:
    line = rows(example())[number]
    assert breaches(line) == []
    assert breaches(line | wrong) != []


def test_the_example_on_the_page_is_the_file_and_reads_a_snapshot(tmp_path: Path) -> None:
    assert blocks("python") == [EXAMPLE.read_text()]
    file = tmp_path / "snapshot.ndjson.gz"
    # Two sections, as a large tenant has them.
    file.write_bytes(example() + example())
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(file)], capture_output=True, text=True, check=True, timeout=60
    )
    [printed] = blocks("text")
    assert done.stdout == 2 * printed


def test_the_names_on_the_page_are_those_that_the_archive_gives() -> None:
    place = archive.folder(TENANT_ID, TAKEN_AT, "0123456789abcdef" * 2)
    short = f"{place}{archive.part_name(0)}".replace(TENANT_ID, f"{TENANT_ID[:8]}-…-{TENANT_ID[-12:]}")
    assert short.replace("0123456789abcdef" * 2, "0123…cdef") in PAGE


def test_the_page_names_every_field_that_pseudonyms_change_and_no_other_changes() -> None:
    names = Pseudonyms("k" * 40)
    lines: list[Line] = list(read(io.BytesIO(example())))
    head, reading = lines[0], lines[1]
    assert isinstance(head, Head)
    assert isinstance(reading, Reading)
    full = msgspec.structs.replace(
        reading,
        member_of=("g",),
        standing=msgspec.structs.replace(reading.standing, nested_in=("g",)),
    )
    before, after = msgspec.to_builtins(full), msgspec.to_builtins(names.reading(full))
    changed = {name for name in before["user"] if before["user"][name] != after["user"][name]}
    assert changed == {"id", "userPrincipalName", "displayName"}
    assert after["member_of"] != before["member_of"]
    assert after["standing"]["nested_in"] != before["standing"]["nested_in"]
    assert names.head(head).facts.display_name == "Contoso"
    [stays] = re.findall(r"\*\*Stays readable\*\*: (.*?)\n\n", PAGE, re.DOTALL)
    assert "tenant's id and name" in " ".join(stays.split())


def test_an_end_has_the_verdicts_of_its_users() -> None:
    *_, end = read(io.BytesIO(example()))
    assert isinstance(end, End)
    assert end.users == 2
