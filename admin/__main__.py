"""`python -m admin`. Every Python 3 must be able to read this file: it says so if it is the wrong one."""

from admin.endings import INTERRUPTED
from admin.environment import leave_if_wrong, speak_utf8

try:
    from admin.commands import app
except (ImportError, SyntaxError) as fault:
    leave_if_wrong(fault)
    raise
except KeyboardInterrupt:
    # Whoever changes the mind while the commands are still being loaded has lost nothing.
    raise SystemExit(INTERRUPTED) from None

if __name__ == "__main__":
    speak_utf8()
    app(prog_name="python -m admin")
