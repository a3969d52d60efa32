# Writes the library as one C file: all that it is made of, each header once, each file of kernels once for each
# instruction set. All is static there, except what nmt.h declares.
# usage: awk -v stb=/usr/include/stb/stb_ds.h -v generic="-DVECTOR=16 ..." -v avx2="..." -v avx512="..." -v neon="..." \
#            -v avx512_vnni="..." -v avx512_bf16="..." -v amx="..." -f scripts/amalgamate.awk FILE.c... >nmt.c
#
# A name that two files use for something of their own gets the file's name behind it. Headers of kernels, which are
# there once for each set, get that of the set behind all their names. Lines are read as clang-format lays them out:
# what begins in the first column is of the file's own level.

function fail(text) { print "amalgamate: " text >"/dev/stderr"; failed = 1; exit 1 }

# The lines of a file, in text[path, 1..].
function read(path, n) {
    if (path in lines) return
    while ((getline line <path) > 0) text[path, ++n] = line
    close(path)
    if (!n) fail(path ": cannot read")
    lines[path] = n
}
function is_rows(path) { return path ~ /_rows\.h$|math\/lanes\.h$/ || (path ~ /\.h$/ && includes(path, "src/math/lanes.h")) }
function included(line) { return line ~ /^#include "/ ? "src/" substr(line, 11, length(line) - 11) : "" }
function last_name(s) { # of a declarator
    sub(/ *(\[.*|=.*|;.*)$/, "", s)
    sub(/.*[^A-Za-z_0-9]/, "", s)
    return s
}

# Notes in own[unit, name] what the file declares at its own level, and in count[name] how many do.
function note(unit, name) {
    if (name == "" || (unit, name) in own) return
    own[unit, name] = 1
    count[name]++
}
function collect(path, unit, i, s, part, n, k, header, inside) {
    read(path)
    header = path ~ /\.h$/ && !is_rows(path)
    for (i = 1; i <= lines[path]; i++) {
        s = text[path, i]
        if (included(s) != "") {
            s = included(s)
            if (s ~ /decode\/nmt\.h$/) continue
            if (is_rows(s) && !((unit, s) in seen)) { seen[unit, s] = 1; collect(s, unit) }
            if (!is_rows(s) && !(s in seen)) { seen[s] = 1; collect(s, "headers") }
            continue
        }
        gsub(/\/\*.*\*\//, "", s)
        s = without_attributes(s)
        if (header && s ~ /^#define [a-z]+\(/) { # it takes the place of a function, such as free
            split(s, part, /[ (]/)
            macro[++macros] = part[2]; macro_line[macros] = s; macro_header[macros] = path
        }
        if (s ~ /^#define /) { if (header) { split(s, part, /[ (]/); note(unit, part[2]) } continue }
        if (inside == "enum") {
            if (s ~ /^}/) { inside = ""; note(unit, last_name(s)) }
            else { n = split(s, part, ","); for (k = 1; k <= n; k++) if (part[k] ~ /[A-Za-z]/) note(unit, first_name(part[k])) }
            continue
        }
        if (s ~ /^} [A-Za-z_0-9]+(;|\[| =)/) { note(unit, last_name(s)); continue }
        if (s ~ /^(typedef )?(struct|enum|union) [A-Za-z_0-9]* *\{/) {
            split(s, part, " ")
            k = part[1] == "typedef" ? 3 : 2
            if (part[k] != "{" && !(("headers", part[k]) in own)) note(unit, part[k])
            if (part[k - 1] == "enum") {
                if (s ~ /}/) {
                    if (s ~ /^typedef/) note(unit, last_name(s))
                    sub(/^[^{]*\{/, "", s); sub(/}.*/, "", s)
                    n = split(s, part, ",")
                    for (k = 1; k <= n; k++) note(unit, first_name(part[k]))
                } else inside = "enum"
            } else if (s ~ /}.*;/) note(unit, last_name(s))
            continue
        }
        if (s ~ /^enum \{/) { inside = "enum"; continue }
        if (s ~ /^typedef .*\(\*/) { sub(/.*\(\*/, "", s); note(unit, first_name(s)); continue }
        if (s ~ /^typedef .*\(/) { sub(/\(.*/, "", s); note(unit, last_name(s)); continue }
        if (s ~ /^typedef .*;/) { note(unit, last_name(s)); continue }
        if (s ~ /^(_Noreturn )?static /) { if (s ~ /^[^=\[]*\(/) { sub(/\(.*/, "", s); note(unit, last_name(s)) }
            else { n = split(declarators(s), part, ","); for (k = 1; k <= n; k++) note(unit, last_name(part[k])) } continue }
        if (header && s ~ /^[A-Za-z_].*\(/) { sub(/\(.*/, "", s); note(unit, last_name(s)) }
    }
}
function without_attributes(s, at, i, depth) {
    while (at = index(s, "__attribute__")) {
        depth = 0
        for (i = at + 13; i <= length(s); i++) {
            if (substr(s, i, 1) == "(") depth++
            if (substr(s, i, 1) == ")" && --depth == 0) break
        }
        s = substr(s, 1, at - 1) substr(s, i + 1)
        sub(/ +;/, ";", s)
        if (at == 1) sub(/^ +/, "", s)
    }
    return s
}
function first_name(s) { sub(/^[^A-Za-z_]*/, "", s); sub(/[^A-Za-z_0-9].*/, "", s); return s }
function declarators(s) { # static size_t a = 1, b; without what is in braces or parentheses
    gsub(/"[^"]*"/, "", s)
    sub(/\{.*/, "", s)
    while (gsub(/\([^()]*\)/, "", s)) {}
    sub(/\(.*/, "", s)
    return s
}

# The name in a unit of what the unit calls so.
function renamed(name) {
    if (!((unit, name) in own)) return name
    return is_set || count[name] > 1 ? name "_" suffix : name
}

# A line of code with its names renamed. State between lines: in_comment; in_brace and brace[], for members of structs.
function rewrite(s, out, c, n, name, before, after) {
    out = ""
    while (s != "") {
        if (in_comment) {
            n = index(s, "*/")
            if (!n) return out s
            out = out substr(s, 1, n + 1); s = substr(s, n + 2); in_comment = 0
            continue
        }
        if (substr(s, 1, 2) == "/*") { in_comment = 1; out = out "/*"; s = substr(s, 3); continue }
        c = substr(s, 1, 1)
        if (c == "\"" || c == "'") {
            n = 2
            while (substr(s, n, 1) != c && n <= length(s)) n += substr(s, n, 1) == "\\" ? 2 : 1
            out = out substr(s, 1, n); s = substr(s, n + 1)
            continue
        }
        if (match(s, /^[A-Za-z_][A-Za-z_0-9]*/)) {
            name = substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1)
            before = out; sub(/ +$/, "", before)
            after = s; sub(/^ +/, "", after)
            if (name == "struct" || name == "union") in_struct = 1
            if (before ~ /->$/ || (before ~ /\.$/ && before !~ /\.\.$/)) out = out name
            else if (brace[in_brace] == "struct" && (after ~ /^(;|,|\[|:)/ || before ~ /\(\*$/)) out = out name
            else out = out renamed(name)
            continue
        }
        if (match(s, /^[0-9][0-9A-Za-z_.]*/)) { out = out substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1); continue }
        if (c == "{") { brace[++in_brace] = in_struct ? "struct" : ""; in_struct = 0 }
        if (c == "}") in_brace--
        if (c == ";" || c == ")" || c == "*") in_struct = 0
        out = out c; s = substr(s, 2)
    }
    return out
}

# Headers: what they declare is static.
function print_header(path, i, s) {
    for (i = 1; i <= lines[path]; i++) {
        s = text[path, i]
        if (included(s) != "") {
            s = included(s)
            if (s ~ /decode\/nmt\.h$/) { if (!printed[s]++) print "#include \"nmt.h\"" }
            else if (!is_rows(s) && !printed[s]++) print_header(s)
            continue
        }
        if (s ~ /^#pragma once/ || s ~ /^extern .*\[\];/) continue
        if (s ~ /^#if __has_include/) s = "#if 1"
        if (s ~ /^#include <.*stb_ds\.h>/) { if (!printed[stb]++) print_stb(); continue }
        if (s ~ /^(#define ISA_DECLARE|extern )/) sub(/extern /, "static ", s)
        if (s ~ /^[a-z_A-Z].*\(/ && s !~ /^(static|typedef|enum|_Static_assert|[A-Z_]+\()/) s = "static " s
        print s
    }
}
function print_stb(i, s) {
    read(stb)
    print "#define STB_DS_IMPLEMENTATION"
    for (i = 1; i <= lines[stb]; i++) {
        s = text[stb, i]
        if (s !~ /^extern "C"/) sub(/^extern /, "static ", s)
        print s
    }
}
function print_file(path, i, s, macros, part, m) {
    in_comment = in_brace = in_struct = 0
    for (i = 1; i <= lines[path]; i++) {
        s = text[path, i]
        if (included(s) != "") {
            s = included(s)
            if (is_rows(s) && !printed[unit, s]++) print_file(s)
            continue
        }
        if (s ~ /^#pragma once/ || s ~ /^#define STB_DS_IMPLEMENTATION/ || s ~ /^#include <.*intrin\.h>|^#include <arm_neon/)
            continue
        if (s ~ /^ *# *define /) { split(s, part, /define /); undefine = undefine " " first_name(part[2]) }
        if (s ~ /^const / && s !~ / \**nmt_[a-z_]*\(/) s = "static " s
        print rewrite(s)
    }
}
# Whether a file includes a header, itself or by way of others.
function includes(path, header, i, s) {
    if ((path, header) in reach) return reach[path, header]
    reach[path, header] = 0
    read(path)
    for (i = 1; i <= lines[path]; i++) {
        s = included(text[path, i])
        if (s != "" && (s == header || includes(s, header))) return reach[path, header] = 1
    }
    return 0
}
function print_unit(path, i, n, part) {
    print "\n/* ==== " path " ==== */"
    undefine = ""
    for (i = 1; i <= macros; i++) if (!includes(path, macro_header[i])) print "#undef " macro[i]
    print_file(path)
    for (i = 1; i <= macros; i++) if (!includes(path, macro_header[i])) print macro_line[i]
    n = split(undefine, part, " ")
    for (i = 1; i <= n; i++) if (!((path, part[i]) in gone)) { gone[path, part[i]] = 1; print "#undef " part[i] }
    if (is_set) split("", gone)
}

# Kernels of a set: compiled as the Makefile does, by what the compilers have for that in a file.
function print_set(set, flags, where, compilers, fuse, n, flag, k, i, defines, target) {
    n = split(flags, flag, " ")
    for (i = 1; i <= n; i++) {
        if (flag[i] ~ /^-D/) { sub(/^-D/, "", flag[i]); split(flag[i], part, "="); defines = defines "#define " part[1] " " part[2] "\n" }
        else if (flag[i] ~ /^-mprefer/) wide = ",prefer-vector-width=512"
        else if (flag[i] ~ /^-m/) target = target (target ? "," : "") substr(flag[i], 3)
    }
    print "\n#if " where
    if (compilers) print "#if " compilers
    print "#if defined(__clang__)"
    if (target) print "#pragma clang attribute push(__attribute__((target(\"" target "\"))), apply_to = function)"
    print "#pragma clang fp contract(" fuse ")"
    print "#else\n#pragma GCC push_options"
    print "#pragma GCC optimize(\"O3\", \"fp-contract=" fuse "\", \"no-math-errno\", \"no-trapping-math\")"
    if (target) print "#pragma GCC target(\"" target (flags ~ /prefer/ ? ",prefer-vector-width=512" : "") "\")"
    print "#endif"
    is_set = 1
    for (k = 1; k <= kernel_files; k++) {
        if ((kernel_file[k] ~ /kernels\.c$/) != (defines != "")) continue
        if (defines == "" && kernel_file[k] !~ ("product_" set "\\.c$")) continue
        unit = where set kernel_file[k]
        suffix = kernel_file[k]
        sub(/^src\//, "", suffix); sub(/\/.*/, "", suffix)
        suffix = suffix "_" set
        collect(kernel_file[k], unit)
        if (defines) printf "%s#define ISA %s\n", defines, set
        print "#undef ISA_VALUE\n#define ISA_VALUE(type, name, ...) .name = name##_" suffix ","
        print_unit(kernel_file[k])
        if (defines) { print "#undef ISA"; m = split(defines, part, "\n"); for (i = 1; i < m; i++) { split(part[i], word, " "); print "#undef " word[2] } }
    }
    print "#if defined(__clang__)"
    if (target) print "#pragma clang attribute pop"
    print "#pragma clang fp contract(off)"
    print "#else\n#pragma GCC pop_options\n#endif"
    if (compilers) print "#endif"
    print "#endif"
    is_set = 0
}

BEGIN {
    for (i = 1; i < ARGC; i++) {
        path = ARGV[i]
        if (path ~ /kernels\.c$|product_.*\.c$/) { kernel_file[++kernel_files] = path; read(path) }
        else file[++files] = path
    }
    for (i = 1; i <= files; i++) collect(file[i], file[i])
    for (i = 1; i <= kernel_files; i++)
        for (k = 1; k <= lines[kernel_file[i]]; k++) {
            s = included(text[kernel_file[i], k])
            if (s != "" && !is_rows(s) && !(s in seen)) { seen[s] = 1; collect(s, "headers") }
        }

    print "/* nmt.c: the library as one file; nmt.h is its header. cc -O2 app.c nmt.c -lm -pthread"
    print " * It was made by `make amalgamation` from a source tree of many files, which is the one to read. */"
    print "#ifndef _GNU_SOURCE\n#define _GNU_SOURCE\n#endif"
    print "#ifndef _FILE_OFFSET_BITS\n#define _FILE_OFFSET_BITS 64\n#endif"
    print "#if defined(__x86_64__)\n#define SETS_x86_64\n#include <immintrin.h>"
    print "#elif defined(__aarch64__)\n#define SETS_aarch64\n#include <arm_neon.h>\n#endif"
    print "#define NMT_ONE_FILE"
    print "#if defined(__clang__)\n#pragma STDC FP_CONTRACT OFF\n#else\n#pragma GCC optimize(\"fp-contract=off\")\n#endif"
    print "#pragma GCC diagnostic ignored \"-Wunused-function\""
    print "#pragma GCC diagnostic ignored \"-Wtype-limits\""
    for (i = 1; i <= files + kernel_files; i++) {
        path = i <= files ? file[i] : kernel_file[i - files]
        for (k = 1; k <= lines[path]; k++) {
            s = included(text[path, k])
            if (s != "" && s !~ /decode\/nmt\.h$/ && !is_rows(s) && !printed[s]++) print_header(s)
            else if (s ~ /decode\/nmt\.h$/ && !printed[s]++) print "#include \"nmt.h\""
        }
    }
    for (i = 1; i <= files; i++) {
        unit = file[i]
        suffix = unit
        sub(/.*\//, "", suffix); sub(/\.c$/, "", suffix)
        print_unit(unit)
    }
    x86 = "defined(__x86_64__)"
    print_set("generic", generic, x86, "", "off")
    print_set("generic", generic, "!" x86, "", "fast")
    print_set("avx2", avx2, x86, "", "fast")
    print_set("avx512", avx512, x86, "", "fast")
    print_set("avx512_vnni", avx512_vnni, x86, "", "fast")
    print_set("avx512_bf16", avx512_bf16, x86, "(defined(__clang__) && __clang_major__ >= 9) || __GNUC__ >= 10", "fast")
    print_set("amx", amx, x86, "(defined(__clang__) && __clang_major__ >= 12) || __GNUC__ >= 11", "fast")
    print_set("neon", neon, "defined(__aarch64__)", "", "fast")
}
