"""Which modules of the SDK stay: everything that the app's code could import, and little more."""

from pathlib import Path

import pytest

from tools.package.reach import Reach

LAZY = """
class Client:
    @property
    def {0}(self):
        from .{0} import Thing
        return Thing()
"""


def reached(folder: Path, sdk: dict[str, str], code: str, others: dict[str, str] | None = None) -> set[str]:
    """The modules, without the packages around them."""
    site, ours = folder / "site", folder / "ours.py"
    for name, source in {**sdk, **(others or {})}.items():
        file = site / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    ours.write_text(code)
    return set(Reach(site, [ours]).modules) - {"msgraph"}


@pytest.mark.parametrize(
    ("code", "stays"),
    [
        ("import msgraph.client\nmsgraph.client.Client().users", True),
        ("from msgraph.client import Client\nClient().users", True),
        ("from msgraph import client\ngetattr(client.Client(), 'users')", True),
        ("def late():\n    from msgraph import client\n    return client.Client().users", True),
        ("from msgraph import client\nclient.Client().groups", False),
        ("from msgraph import client\n# users\n'users'", False),
    ],
)
def test_what_a_property_imports_stays_if_the_app_mentions_its_name(
    tmp_path: Path, code: str, stays: bool
) -> None:
    sdk = {
        "msgraph/__init__.py": "",
        "msgraph/client.py": LAZY.format("users"),
        "msgraph/users.py": "Thing = 1",
    }
    found = reached(tmp_path, sdk, code)
    assert found == {"msgraph.client", *(["msgraph.users"] if stays else [])}


@pytest.mark.parametrize(
    ("source", "stays"),
    [
        ("from .other import thing", True),
        ("from . import other", True),
        ("import msgraph.other", True),
        ("if True:\n    from .other import thing", True),
        ("try:\n    from .other import thing\nexcept ImportError:\n    pass", True),
        ("class A:\n    from .other import thing", True),
        ("class A:\n    def __init__(self):\n        from .other import thing", True),
        ("class A:\n    async def called(self):\n        from .other import thing", True),
        ("def _inner():\n    from .other import thing\ndef called():\n    return _inner()", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .other import thing", False),
        ("import typing\nif typing.TYPE_CHECKING:\n    from .other import thing", False),
        (
            "import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    from .other import thing",
            True,
        ),
        ("def never():\n    from .other import thing", False),
        ("def _inner():\n    from .other import thing\ndef never():\n    return _inner()", False),
    ],
)
def test_an_import_stays_unless_it_can_not_run(tmp_path: Path, source: str, stays: bool) -> None:
    sdk = {"msgraph/__init__.py": "", "msgraph/start.py": source, "msgraph/other.py": "thing = 1"}
    found = reached(tmp_path, sdk, "from msgraph import start\nstart.called()")
    assert found == {"msgraph.start", *(["msgraph.other"] if stays else [])}


def test_names_that_reached_modules_mention_count_like_ours(tmp_path: Path) -> None:
    sdk = {
        "msgraph/__init__.py": "",
        "msgraph/a.py": "def called(b):\n    return b.deep()",
        "msgraph/b.py": "def deep():\n    from .c import thing",
        "msgraph/c.py": "thing = 1",
    }
    assert reached(tmp_path, sdk, "from msgraph import a, b\na.called(b)") == {
        "msgraph.a",
        "msgraph.b",
        "msgraph.c",
    }


def test_another_package_that_imports_the_sdk_counts_like_the_app(tmp_path: Path) -> None:
    sdk = {
        "msgraph/__init__.py": "",
        "msgraph/client.py": LAZY.format("users"),
        "msgraph/users.py": "Thing = 1",
    }
    other = {
        "core/__init__.py": "from msgraph.client import Client\nClient().users\n",
        "talk/__init__.py": '"""See msgraph.planner."""\n',
    }
    assert reached(tmp_path, sdk, "", other) == {"msgraph.client", "msgraph.users"}
