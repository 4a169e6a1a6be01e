"""What of the other packages stays out, and that their records say what is there."""

import base64
import csv
import hashlib
from pathlib import Path

from tools.package import bytecode, site


def plain(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def left(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_tests_docs_and_sources_of_compilers_stay_out_but_data_stays(tmp_path: Path) -> None:
    kept = {"a/__init__.py": "", "a/cacert.pem": "", "a/core.so": "", "a/py.typed": "", "a/test.py": ""}
    out = {
        "a/tests/test_a.py": "",
        "a/docs/index.rst": "",
        "a/core.pyx": "",
        "a/core.c": "",
        "a/core.pyi": "",
        "a/__pycache__/__init__.cpython-313.pyc": "",
        "bin/a": "",
    }
    site.copy_site(plain(tmp_path / "plain", {**kept, **out}), tmp_path / "site", [])
    assert left(tmp_path / "site") == set(kept)


def test_a_folder_named_tests_that_the_package_imports_stays(tmp_path: Path) -> None:
    files = {
        "a/__init__.py": "from a.testing import tests\n",
        "a/testing/__init__.py": "",
        "a/testing/tests/__init__.py": "",
        "b/__init__.py": "from .tests import thing\n",
        "b/tests/__init__.py": "thing = 1",
    }
    site.copy_site(plain(tmp_path / "plain", files), tmp_path / "site", [])
    assert left(tmp_path / "site") == set(files)


def test_records_name_exactly_what_is_there(tmp_path: Path) -> None:
    files = {
        "a/__init__.py": "x = 1\n",
        "a/data.txt": "data",
        "a-1.dist-info/METADATA": "Name: a\n",
        "a-1.dist-info/RECORD": (
            "a/__init__.py,sha256=old,1\na/data.txt,,\na/gone.py,sha256=x,3\n../../bin/a,sha256=y,3\n"
            "a-1.dist-info/METADATA,,\na-1.dist-info/RECORD,,\n"
        ),
    }
    folder = plain(tmp_path, files)
    bytecode.compile_tree(folder)
    site.rewrite_records(folder)
    assert recorded(folder, folder / "a-1.dist-info" / "RECORD") == left(folder)


def recorded(folder: Path, record: Path) -> set[str]:
    """The names in a RECORD; sizes and digests must be those of the files."""
    names = set()
    for name, digest, size in csv.reader(record.read_text().splitlines()):
        names.add(name)
        if folder / name == record:
            assert (digest, size) == ("", "")
            continue
        content = (folder / name).read_bytes()
        assert int(size) == len(content), name
        expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        assert digest == f"sha256={expected}", name
    return names
