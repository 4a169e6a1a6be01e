"""Other programs that the hooks run (az, azd, `python -m admin`), and the end of a hook that can't go on."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[2]

NOT_FOUND, DENIED = "not-found", "denied"
_KINDS = {
    "Not Found": NOT_FOUND,
    "Forbidden": DENIED,
    "Unauthorized": DENIED,
}
"""How `az rest` begins its complaint: with the reason of the HTTP status, and the answer in brackets."""

_DENIALS = (
    "Authorization_RequestDenied",
    "AuthorizationFailed",
    "Insufficient privileges",
    "ForbiddenByRbac",
)
"""What Azure and Microsoft Graph say to whoever lacks a role."""


class Stop(Exception):
    """A hook can't go on; the text is a sentence with the next step."""


class Refused(Exception):
    """A program ended with an error. `kind` is NOT_FOUND, DENIED or empty; `code`: the service's own word."""

    def __init__(self, program: str, kind: str, code: str) -> None:
        super().__init__(f"{program}: {code or kind or 'it failed'}")
        self.kind, self.code = kind, code


class Done(msgspec.Struct, frozen=True):
    """How a program ended, and what it printed."""

    code: int
    out: str
    err: str


def run(program: str, *words: str, given: str = "") -> Done:
    """Run it and take what it prints; `given` is its standard input. Raises `Stop` where it is not there."""
    # On Windows az and azd are scripts, which only their full name finds.
    path = shutil.which(program)
    if path is None:
        raise Stop(f"{program} is not installed, or not on the PATH. docs/deploy.md says how to get it.")
    done = subprocess.run(  # noqa: S603 - the words are ours and azd's variables, and no shell reads them
        started_by(path, words),
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        encoding="utf-8",
    )
    return Done(done.returncode, done.stdout, done.stderr)


def started_by(path: str, words: Sequence[str]) -> str | list[str]:
    """How the program is started: of a script of Windows every word is quoted.

    cmd.exe reads its line, and az's own script has it within brackets: a `)` or `&` in an address of
    Graph's would end it.
    """
    if path.lower().endswith((".cmd", ".bat")):
        return " ".join(f'"{word}"' for word in (path, *words))
    return [path, *words]


def launched(*words: str) -> str:
    """What a person runs in the project's folder to have `python -m infra.hooks` do something: the launcher
    sets up Python where it is not there."""
    return " ".join(("./infra/hooks/hook.ps1" if os.name == "nt" else "./infra/hooks/hook.sh", *words))


def variables_of_azd() -> dict[str, str]:
    """The variables of azd's environment, for what a person runs outside of a hook; none where there is no
    azd or no environment."""
    try:
        done = run("azd", "env", "get-values", "--output", "json")
        found = json.loads(done.out) if done.code == 0 else {}
    except (Stop, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def az(*words: str, given: str = "") -> Any:
    """What `az` answers, read as JSON; None where it answers nothing. Raises `Refused` and `Stop`."""
    done = run("az", *words, "--only-show-errors", "--output", "json", given=given)
    if done.code:
        raise _refused("az", done.err)
    try:
        return json.loads(done.out) if done.out.strip() else None
    except ValueError:
        raise Refused("az", "", "its answer is not JSON") from None


def rest(method: str, url: str, body: object = None, *, resource: str = "", prefer: str = "") -> Any:
    """One request by `az rest`: an id of Azure's (from `/subscriptions` on), or a whole address.

    `resource`: for whom the token is, where az can't tell by the address. The body goes by standard input:
    it may hold a secret. Raises `Refused` and `Stop`.
    """
    words = ["rest", "--method", method, "--url", url]
    if resource:
        words += ["--resource", resource]
    if body is None:
        return az(*words)
    headers = ["--headers", "Content-Type=application/json", *([f"Prefer={prefer}"] if prefer else [])]
    return az(*words, *headers, "--body", "@-", given=json.dumps(body))


def set_variable(name: str, value: str) -> None:
    """Keep a variable in azd's environment; what azd holds is no place for a secret."""
    if done := run("azd", "env", "set", name, value).code:
        raise Stop(f"azd could not keep {name} (exit code {done}). Run: azd env set {name} {value}")


def admin(*words: str, environ: Mapping[str, str]) -> int:
    """Run `python -m admin` with these settings, its words shown as they come; its exit code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WATCH_STORAGE")}
    sys.stdout.flush()
    return subprocess.run(  # noqa: S603 - the words are ours
        [sys.executable, "-m", "admin", *words], cwd=ROOT, env={**kept, **environ}, check=False
    ).returncode


def _refused(program: str, said: str) -> Refused:
    """What was refused; of the text only a word or two: an answer may quote what it was asked with."""
    reason = re.search(r"ERROR: ([A-Z][A-Za-z ]+)\(\{", said)
    codes = re.findall(r'"code"\s*:\s*"([\w.]{1,80})"', said) or re.findall(r"\(([A-Z]\w{2,79})\)", said)
    denied = any(word in said for word in _DENIALS)
    kind = DENIED if denied else _KINDS.get(reason[1], "") if reason else ""
    return Refused(program, kind, codes[-1] if codes else reason[1] if reason else "")
