#!/bin/sh
# Installs what is missing, builds, and runs all the quick tests. The last line is "N passed, N failed, N skipped".
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
make -s test ${STB:+STB="$STB"}
