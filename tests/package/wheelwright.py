"""Wheels made here, so that a whole build can be tried without any index of packages."""

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tools.package.build import Places

HOST_JSON = '{"version": "2.0"}\n'
APP = """
from functions import work
"""
WORK = """
def run(client):
    from msgraph.client import Client
    return Client(client).users
"""
SDK = {
    "msgraph/__init__.py": "from .version import VERSION\n",
    "msgraph/version.py": 'VERSION = "1"\n',
    "msgraph/py.typed": "",
    "msgraph/client.py": (
        "class Client:\n"
        "    @property\n"
        "    def users(self):\n"
        "        from .users import Users\n"
        "        return Users()\n"
        "    @property\n"
        "    def planner(self):\n"
        "        from .planner import Planner\n"
        "        return Planner()\n"
    ),
    "msgraph/users.py": "class Users: pass\n",
    # What the app can't reach is most of it, as in the real one.
    "msgraph/planner.py": "class Planner: pass\n" + "".join(f"NAME_{n} = {n}\n" for n in range(3000)),
}


def wheel(
    folder: Path, name: str, files: Mapping[str, str], *, licence: str = "MIT", requires: str = ""
) -> str:
    """Write `<name>-1.0-py3-none-any.whl`; gives its SHA-256."""
    info = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense-Expression: {licence}\n"
    metadata += f"Requires-Dist: {requires}\n" if requires else ""
    whole = {
        **files,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},{_digest(text)},{len(text)}" for path, text in whole.items()]
    whole[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    file = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in whole.items():
            archive.writestr(path, text)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _digest(text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256={digest.rstrip('=')}"


def project(folder: Path) -> Places:
    """A small app with two packages, whose wheels lie in `wheels/` beside it."""
    index, root = folder / "wheels", folder / "project"
    index.mkdir()
    (root / "functions").mkdir(parents=True)
    (root / "shared").mkdir()
    (root / "function_app.py").write_text(APP)
    (root / "host.json").write_text(HOST_JSON)
    (root / "functions" / "work.py").write_text(WORK)
    (root / "shared" / "words.toml").write_text('hello = "hallo"\n')
    (root / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')
    parcel = {"parcel/__init__.py": "", "parcel/tests/test_it.py": "", "parcel/data.txt": "data\n"}
    locked = {
        "msgraph-sdk": wheel(index, "msgraph_sdk", SDK, requires="parcel"),
        "parcel": wheel(index, "parcel", parcel, licence="BSD-3-Clause"),
    }
    lines = [f"{name}==1.0 \\\n    --hash=sha256:{digest}\n" for name, digest in locked.items()]
    (root / "requirements.txt").write_text("".join(lines))
    return Places(root, root / "dist")
