"""`python -m sandbox.host`: the same as `python -m sandbox host`, for programs that start a host."""

import argparse
import sys
from pathlib import Path

from sandbox.host import commands
from sandbox.host.live import LEASE_SECONDS


def main(arguments: list[str]) -> int:
    """Run what the arguments ask for; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.host", description=__doc__)
    parser.add_argument(
        "--app", type=Path, default=Path(), help="directory with function_app.py and host.json"
    )
    parser.add_argument("--port", type=int, default=7071, help="port for HTTP; 0 lets the system choose")
    parser.add_argument(
        "--only", action="append", metavar="FUNCTION", help="run this function only (repeatable)"
    )
    parser.add_argument(
        "--split", action="store_true", help="HTTP, timers and each queue in processes of their own"
    )
    parser.add_argument(
        "--replace", action="store_true", help="with --split: start another process where one has died"
    )
    parser.add_argument("--list", action="store_true", help="print the functions and their bindings as JSON")
    parser.add_argument(
        "--lease", type=int, default=LEASE_SECONDS, help="seconds that a dead host hides a message"
    )
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop at the end of standard input")
    parser.add_argument("--ready-fd", type=int, help="tell the URL there instead of on standard output")
    parser.add_argument(
        "--traceback", action="store_true", help="show where in the app a failed start was raised"
    )
    given = parser.parse_args(arguments)
    if given.list:
        return commands.print_listing(given.app, traceback=given.traceback)
    if given.split:
        return commands.run_split(
            given.app,
            given.port,
            lease=given.lease,
            stop_with_stdin=given.stop_with_stdin,
            ready_fd=given.ready_fd,
            replace=given.replace,
        )
    return commands.run(
        given.app,
        given.port,
        set(given.only) if given.only else None,
        lease=given.lease,
        stop_with_stdin=given.stop_with_stdin,
        ready_fd=given.ready_fd,
        traceback=given.traceback,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
