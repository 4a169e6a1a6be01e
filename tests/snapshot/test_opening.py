"""Snapshots on disk: a file or an audit's folder, and one sentence for whatever else is named."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from admin.connection import WrongInput
from admin.endings import INTERRUPTED, TROUBLE
from admin.saved import offline, snapshot
from shared.model import TenantFacts
from shared.rules.policy import Policy
from shared.snapshot.file import SnapshotUnreadable
from shared.snapshot.lines import SCHEMA, Head
from shared.snapshot.opening import FILE_NAME, NoSnapshot, opened
from shared.texts.catalogue import Catalogue
from tests.judgement.strategies import AT
from tests.snapshot.snapshots import RULES, written

HEAD = Head(
    schema=SCHEMA,
    taken_at=AT,
    source="audit",
    rules=RULES.digest,
    policy=Policy(),
    facts=TenantFacts(tenant_id="t"),
)


def test_a_file_and_its_folder_open_the_same_and_may_be_read_twice(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(written(HEAD, []))
    (tmp_path / "older.ndjson.gz").write_bytes(b"")
    for path in (tmp_path, tmp_path / FILE_NAME):
        with opened(path) as saved:
            assert [*saved.lines()] == [*saved.lines()]
            assert saved.done == saved.size > 0
            assert saved.path == tmp_path / FILE_NAME


def test_the_only_snapshot_of_a_folder_is_meant_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "2026-11-20.ndjson.gz").write_bytes(written(HEAD, []))
    (tmp_path / "users.csv").write_text("")
    with opened(tmp_path) as saved:
        assert saved.path.name == "2026-11-20.ndjson.gz"


def test_what_holds_no_snapshot_is_named_by_a_code_that_has_words(tmp_path: Path, texts: Catalogue) -> None:
    (tmp_path / "two").mkdir()
    for name in ("a.ndjson.gz", "b.ndjson.gz"):
        (tmp_path / "two" / name).write_bytes(b"")
    codes = []
    for path in (tmp_path / "none", tmp_path, tmp_path / "two", tmp_path / "two/a.ndjson.gz/b"):
        with pytest.raises(NoSnapshot) as refused, opened(path):
            pass
        codes.append(refused.value.code)
        assert texts.text("snapshots", refused.value.code, **refused.value.values)
    assert codes == ["not-there", "none-in-folder", "several-in-folder", "not-readable"]


def without_end(text: bytes) -> bytes:
    return text.splitlines(keepends=True)[0]


CHANGES: tuple[tuple[Callable[[bytes], bytes], str], ...] = (
    (without_end, "cut-short"),
    (lambda text: without_end(text) * 2, "cut-short"),
    (lambda text: text.replace(b'"users":0', b'"users":7'), "users-missing"),
    (lambda text: text.replace(b'"schema":1', b'"schema":9'), "newer-schema"),
    (lambda text: b"{}" + text, "not-a-line"),
)


@pytest.mark.parametrize(("change", "code"), CHANGES)
def test_a_snapshot_that_is_not_whole_is_refused_in_words(
    change: Callable[[bytes], bytes], code: str, tmp_path: Path, texts: Catalogue
) -> None:
    file = tmp_path / FILE_NAME
    file.write_bytes(gzip.compress(change(gzip.decompress(written(HEAD, [])))))
    with opened(file) as saved, pytest.raises(SnapshotUnreadable) as refused:
        list(saved.lines())
    assert refused.value.code == code
    values = {"file": "f", "line": refused.value.line, **refused.value.values}
    assert texts.text("snapshots", code, **values)


def test_a_command_says_what_is_wrong_and_its_exit_code_says_it_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"%PDF-1.7")

    def missing() -> None:
        with snapshot(tmp_path / "none") as saved:
            list(saved.lines())

    def not_one() -> None:
        with snapshot(tmp_path) as saved:
            list(saved.lines())

    def refused() -> None:
        raise PermissionError(13, "Permission denied", "out.csv")

    def interrupted() -> None:
        raise KeyboardInterrupt

    assert [offline(one) for one in (missing, not_one, refused, interrupted)] == [2, 2, TROUBLE, INTERRUPTED]
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 4
    assert "Name the file of a snapshot" in told[0]
    assert "is not a snapshot" in told[1]
    assert offline(lambda: 3) == 3
    with pytest.raises(WrongInput), snapshot(tmp_path / "none"):
        pass
