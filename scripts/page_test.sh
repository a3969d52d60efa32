#!/bin/sh
# Opens pages of ./inspect in a headless browser (scripts/page_test.py); skipped where there is none.
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null || {
    echo "page-test: skipped, as there is no python3 here"
    exit 0
}
exec python3 scripts/page_test.py "$@"
