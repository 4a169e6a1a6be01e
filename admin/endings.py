"""How every command ends: its exit code, and what went wrong on standard error.

Every Python 3 must be able to read this file: `environment` says so if it is the wrong one.
"""

import os
import sys

DONE, TROUBLE, WRONG, FOUND, NOT_KNOWN, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Done; storage, Graph or a file failed; what was asked for is wrong, and nothing was done; done, and what
was looked at is not well or not the same; done, and it can't be known; stopped by Ctrl-C."""


def told(exit_code: int, *lines: str) -> int:
    """The exit code, when these sentences have been said on standard error."""
    for line in lines:
        print(line, file=sys.stderr)
    return exit_code


def unheard() -> int:
    """The exit code where whoever read our output closed it: they have seen enough, and nothing is said."""
    # Python would try to write the rest of it once more, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return TROUBLE
