#!/bin/sh
# Installs what `make web` needs beside a C compiler: clang, lld, wasi-libc and clang's run-time library for WebAssembly,
# with apt. If nothing is missing, it prints nothing and changes nothing. --check: installs nothing, and fails if
# something is missing.
set -eu

works() {
    folder=$(mktemp -d)
    echo 'int main(void) { return 0; }' >"$folder/a.c"
    code=0
    clang --target=wasm32-wasi -o "$folder/a.wasm" "$folder/a.c" >/dev/null 2>&1 || code=1
    rm -rf "$folder"
    return $code
}
works && exit 0
[ "${1:-}" = --check ] || {
    set +e # what could not be installed is reported below
    as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
    if command -v apt-get >/dev/null; then
        install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
        as_root apt-get update -qq
        install clang lld wasi-libc
        install "libclang-rt-$(clang -dumpversion | cut -d . -f 1)-dev-wasm32"
    fi
    works && exit 0
}
echo "make web: expected clang that compiles and links for wasm32-wasi, found none" \
    "(Debian: sh scripts/web_setup.sh; elsewhere: clang, lld, wasi-libc)" >&2
exit 1
