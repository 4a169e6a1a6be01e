"""Compiles the Python files named on standard input; a process of its own, with the standard library alone.

Each line is JSON: [file, the name that a traceback shows if the file is gone]. Run with the same hash seed
and the same lines it writes the same bytes: nothing else has gone on in this process that could show in them.
"""

import json
import py_compile
import sys


def main() -> int:
    """Compile; 1 and the reasons on standard error if a file can't be."""
    failed = 0
    for line in sys.stdin:
        file, shown = json.loads(line)
        try:
            py_compile.compile(
                file,
                dfile=shown,
                doraise=True,
                # Valid whatever time the file carries after extraction, and Python never looks at the source.
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except (py_compile.PyCompileError, OSError) as error:
            print(f"{shown}: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
