#!/bin/sh
# Starts a hook of azd's with the project's own Python, which is set up first where it is not there.
# WATCH_PYTHON names another Python that has the packages of requirements-dev.txt.
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${WATCH_PYTHON:-}" ]; then
    make -s .venv/.installed
    WATCH_PYTHON=.venv/bin/python
fi
exec "$WATCH_PYTHON" -m infra.hooks "$@"
