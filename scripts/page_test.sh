#!/bin/sh
# Opens pages of ./inspect in a headless browser (scripts/page_test.py). Skipped if there is none.
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null || {
    echo "page-test: skipped: no python3"
    exit 0
}
exec python3 scripts/page_test.py "$@"
