"""`python -m admin`. Every Python 3 must be able to read this file: it says so if it is the wrong one."""

from admin.environment import leave_if_wrong

try:
    from admin.commands import app
except (ImportError, SyntaxError) as fault:
    leave_if_wrong(fault)
    raise

if __name__ == "__main__":
    app(prog_name="python -m admin")
