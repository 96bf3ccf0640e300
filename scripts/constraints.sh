#!/bin/sh
# Write constraints.txt anew from .venv: every package in it, at its version.
# For newer versions, first: .venv/bin/python -m pip install --upgrade --editable '.[all,test]' --group dev
set -eu
cd "$(dirname "$0")/.."
{
    echo "# Every package of .venv at the version that the tests pass with (Linux, Python 3.11)."
    echo "# Written by scripts/constraints.sh; scripts/setup.sh installs by it."
    # Builds of one version for several devices differ after the plus sign; any will do.
    .venv/bin/python -m pip freeze --all --exclude-editable | sed 's/+.*//'
} >constraints.new
mv constraints.new constraints.txt
