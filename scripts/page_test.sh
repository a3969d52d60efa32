#!/bin/sh
# Opens pages of ./inspect in a headless browser (scripts/page_test.py, scene_test.py and page_truth.py). Skipped if there is none.
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null || {
    echo "page-test: skipped: no python3"
    exit 0
}
python3 scripts/page_test.py "$@" && python3 scripts/scene_test.py "$@" && python3 scripts/page_truth.py "$@"
