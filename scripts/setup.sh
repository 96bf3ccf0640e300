#!/bin/sh
# Make .venv ready: system libraries, a Python environment, this project in it. Run it as often as you like.
#
#   sh scripts/setup.sh                      with a Python 3.11 to 3.13 found in PATH
#   PYTHON=/path/to/python sh scripts/setup.sh
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
stop() { echo "setup: $*" >&2; exit 1; }

# ---- System: the virtual display, and what Qt and OpenGL look for. On Debian and Ubuntu only.

# A command or library, and the package that brings it.
needs='
    xvfb-run                  xvfb
    xauth                     xauth
    libEGL.so.1               libegl1
    libGL.so.1                libgl1
    libdbus-1.so.3            libdbus-1-3
    libfontconfig.so.1        libfontconfig1
    libglib-2.0.so.0          libglib2.0-0
    libxkbcommon-x11.so.0     libxkbcommon-x11-0
    libxcb-cursor.so.0        libxcb-cursor0
    libxcb-icccm.so.4         libxcb-icccm4
    libxcb-keysyms.so.1       libxcb-keysyms1
    libxcb-shape.so.0         libxcb-shape0
'
libraries=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
}

is_here() {
    case $1 in
        lib*) echo "$libraries" | grep -q "^[[:space:]]*$1 " ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing_packages() {
    echo "$needs" | while read -r thing package; do
        [ -z "$thing" ] || is_here "$thing" || echo "$package"
    done
    if [ ! -x .venv/bin/python ]; then
        python=$(find_python)
        [ -n "$python" ] || echo python3
        [ -n "$python" ] && "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    fi
}

note=
if command -v apt-get >/dev/null; then
    packages=$(missing_packages | sort -u | paste -s -d ' ' -)
    if [ -n "$packages" ]; then
        command="apt-get update && apt-get install --yes --no-install-recommends $packages"
        if [ "$(id -u)" -eq 0 ]; then
            say "system packages: $packages"
            export DEBIAN_FRONTEND=noninteractive
            # A list of packages that is out of reach may still be good enough, so that the install decides.
            apt-get update -qq || say "apt-get update failed; trying with the lists that are here"
            # shellcheck disable=SC2086  # one word a package
            apt-get install -qq --yes --no-install-recommends $packages >/dev/null || note="run as root: $command"
        else
            note="run: sudo sh -c '$command'"
        fi
    fi
fi
[ -z "$note" ] || say "system packages are missing for the window and the tests; $note"

# ---- Python: one environment, each version from constraints.txt.

wanted=$(cat pyproject.toml constraints.txt scripts/setup.sh | cksum; pwd)
stamp=.venv/installed
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ] || ! .venv/bin/python -c 'import napari_discern' 2>/dev/null; then
    rm -f "$stamp"
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        python=$(find_python)
        [ -n "$python" ] || stop "no Python 3.11 to 3.13 in PATH. Install one, or name it: PYTHON=... sh scripts/setup.sh"
        say "creating .venv with $("$python" --version)"
        "$python" -m venv --clear .venv || stop "Python has no working venv module; on Debian: apt-get install python3-venv"
    fi
    say "installing Python packages; the first time takes some minutes"
    failure="pip did not finish; its message stands above. Run this again."
    .venv/bin/python -m pip install --quiet --constraint constraints.txt pip || stop "$failure"
    {
        .venv/bin/python -m pip install --progress-bar off --constraint constraints.txt \
            --editable '.[all,test]' --group dev && echo "$wanted" >"$stamp"
    } | grep --line-buffered -E '^ *(Downloading|Installing|Successfully)' | cut -c1-100
    [ -f "$stamp" ] || stop "$failure"
fi
[ -z "$note" ] || say "still to do, for the window and the tests: $note"
say "ready"
