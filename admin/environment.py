"""What to say where Python is not the project's. Every Python 3 must be able to read this file."""

import io
import sys

from admin.endings import WRONG

_NEEDED = (3, 13)
_TOO_OLD = sys.version_info < _NEEDED
_OURS = ("admin", "sandbox", "shared")


def leave_if_wrong(fault: Exception) -> None:
    """End with what to do, if `fault`, of importing the commands, comes of the Python that runs; else return.

    In English: without the packages the settings, and with them the language, can't be read.
    """
    lacking = fault.name or "" if isinstance(fault, ModuleNotFoundError) else ""
    if not _TOO_OLD and (not lacking or lacking.partition(".")[0] in _OURS):
        return
    version = "{}.{}".format(*sys.version_info)
    lack = f"it is {version}, not {'{}.{}'.format(*_NEEDED)}" if _TOO_OLD else f"it lacks {lacking}"
    print(
        f"{sys.executable or 'This Python'} is not the project's Python: {lack}. Run 'make setup' once, then "
        "'. .venv/bin/activate', or write .venv/bin/python instead of python.",
        file=sys.stderr,
    )
    raise SystemExit(WRONG)


def speak_utf8() -> None:
    """Make output that goes to a file or another program UTF-8, as terminals are served anyway.

    Windows gives a redirected program its old code page, which has neither the lines of a table nor most
    names, and ends lines of a CSV file twice.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8")
