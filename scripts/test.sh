#!/bin/sh
# Every check that the project asks for, in .venv (see setup.sh): style, types, layers, spelling, tests.
# All run, even after one has failed; pytest comes last, a process for each core, up to four. Arguments go to pytest.
set -u
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH

failed=
check() {
    what=$1
    shift
    echo "== $what: $*"
    "$@" || failed="$failed $what,"
}

check style ruff check
check format ruff format --check
check types mypy
check layers lint-imports --no-logo
check spelling typos

# The panels need a screen; a virtual one leaves yours alone.
set -- python -m pytest --numprocesses logical --maxprocesses 4 --dist loadgroup "$@"
if command -v xvfb-run >/dev/null; then
    set -- xvfb-run --auto-servernum --server-args="-screen 0 1280x1024x24" "$@"
elif [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    echo "== no screen and no xvfb-run: tests of the panels will fail. sh scripts/setup.sh says what to install."
fi
check tests "$@"

[ -z "$failed" ] || echo "failed:${failed%,}" >&2
[ -z "$failed" ]
