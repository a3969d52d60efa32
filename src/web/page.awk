# Puts a page together, as src/page/pages.h says: awk -f page.awk FILE FOLDER ... writes FILE, with each
# /*include NAME*/ replaced by the file of that name in the first folder that has it, and /*data*/ by nothing.
function put(name,    path, line, i, mark, found) {
    for (i = 2; i < ARGC && !found; i++) {
        path = ARGV[i] "/" name
        found = (getline line < path) >= 0
    }
    if (!found) {
        print "page.awk: " name ": no such file" >"/dev/stderr"
        exit 1
    }
    if (name !~ /\.html$/ && name !~ /\.css$/) {
        close(path)
        while ((getline line < path) > 0) print line
        close(path)
        return
    }
    do {
        sub(/\/\*data\*\//, "", line)
        while (match(line, /\/\*include [^*]*\*\//)) {
            printf "%s", substr(line, 1, RSTART - 1)
            mark = substr(line, RSTART + 10, RLENGTH - 12)
            line = substr(line, RSTART + RLENGTH)
            put(mark)
        }
        print line
    } while ((getline line < path) > 0)
    close(path)
}
BEGIN { put(ARGV[1]); exit }
