#!/bin/sh
# Installs what the build needs (a C compiler, make, stb_ds.h) with the system's package manager. If nothing is missing,
# it prints nothing and changes nothing. demo.sh and test.sh call it first.
set -eu

have_stb() {
    printf '#if __has_include(<stb/stb_ds.h>)\n#include <stb/stb_ds.h>\n#else\n#include <stb_ds.h>\n#endif\n' |
        cc ${STB:+-I"$STB"} -E -x c - >/dev/null 2>&1
}
all_there() { command -v cc >/dev/null && command -v make >/dev/null && have_stb; }

all_there && exit 0

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
echo "installing a C compiler, make and stb_ds.h"
set +e # what could not be installed is reported below
if command -v apt-get >/dev/null; then
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        gcc libc6-dev make libstb-dev >/dev/null
elif command -v dnf >/dev/null; then
    as_root dnf install -y -q gcc make stb_ds-devel
elif command -v pacman >/dev/null; then
    as_root pacman -S --noconfirm --needed gcc make stb
elif command -v apk >/dev/null; then
    as_root apk add gcc musl-dev make stb
fi
set -e
if ! all_there; then
    echo "setup: a C compiler (cc), make or stb_ds.h is missing and could not be installed; if you have stb_ds.h" \
        "in a folder of your own, run STB=/that/folder sh $0" >&2
    exit 1
fi
