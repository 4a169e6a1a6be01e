"""The table of permissions: of its form, the same as what findings name, and nothing in it that writes."""

import msgspec
import pytest

from shared.graph.permissions import BASE, FILE, read, table
from shared.graph.subscription_plan import PERMISSIONS
from shared.rules.loader import load_rules

KINDS = load_rules().kinds


def test_the_base_is_three_permissions_and_every_other_pack_is_asked_for() -> None:
    base = ("User.Read.All", "Group.Read.All", "Organization.Read.All")
    assert table().packs[0] == BASE
    assert table().granted_by(()) == base
    assert table().granted_by(("policy", "report")) == (*base, "AuditLog.Read.All", "Policy.Read.All")
    assert table().granted_by(("audit",)) == (*base, "AuditLog.Read.All", "Directory.Read.All")


def test_a_pack_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(
        ValueError, match=r"no pack everything; there are base, report, audit, policy, doctor"
    ):
        table().granted_by(("report", "everything"))


def test_no_permission_writes_and_each_row_says_all_that_a_page_needs() -> None:
    for row in table().permissions:
        assert row.permission.endswith(".Read.All")
        assert row.calls
        assert all((row.feature, row.lost, row.why))
        assert row.source.startswith("https://learn.microsoft.com/graph/")
    pairs = [(row.pack, row.permission) for row in table().permissions]
    assert len(set(pairs)) == len(pairs)


def test_findings_name_the_permission_that_the_table_gives_each_piece() -> None:
    missing = KINDS["evidence-missing"].permissions
    pieces = table().of_evidence()
    assert missing == {name: pieces[name][0] for name in missing}
    # Users themselves are told of as faults of the watch, and the policy is optional.
    assert set(pieces) - set(missing) == {"users", "admin-policy"}


def test_faults_of_the_watch_name_the_permission_that_the_table_gives_what_they_are_about() -> None:
    about = {"delta": "users", "sweep": "users"}
    for code, permission in KINDS["watch-unwell"].permissions.items():
        resource = code.removeprefix("subscription-")
        expected = PERMISSIONS.get(resource) or table().of_evidence()[about.get(code, code)][0]
        assert permission == expected, code


@pytest.mark.parametrize(
    "wrong",
    [b"{}", b'{"permissions": [{"permission": "User.Read.All"}], "variants": []}', b"[]"],
    ids=["empty", "a row without its fields", "a list"],
)
def test_a_file_of_another_form_is_refused(wrong: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read(wrong)


def test_a_field_that_nobody_knows_is_refused() -> None:
    content = FILE.read_bytes().replace(b'"lost"', b'"lots"', 1)
    with pytest.raises(msgspec.ValidationError, match="lots"):
        read(content)
