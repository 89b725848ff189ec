#!/bin/sh
# SPDX-License-Identifier: MIT
# Which options of kernel fragments a built kernel does not have, and what is lost by it:
#   survived.sh [--modules-serve] .config FRAGMENT.cfg…
# Exit code 0: all there. 1: some are not. 2: called or written wrongly. With --modules-serve a module does for an option that is wanted
# built in. Of two fragments that disagree the later one counts, as for merge_config.sh. An option whose reason says "since Linux 6.2" or
# "until Linux 6.17" is asked of those kernels alone. In shell and awk, because it runs where image systems build.
set -eu
modules_serve=0
if [ "${1-}" = --modules-serve ]; then
    modules_serve=1
    shift
fi
[ $# -ge 2 ] || { sed -n '4s/^# */usage: /p' "$0" >&2 && exit 2; }
for file in "$@"; do
    [ -r "$file" ] || { echo "survived.sh: $file cannot be read" >&2 && exit 2; }
done

exec awk -v modules_serve="$modules_serve" '
    function option_of(line) { sub(/^# /, "", line); sub(/^CONFIG_/, "", line); sub(/[= ].*/, "", line); return line }
    function value_of(line) { return line ~ /^#/ ? "n" : substr(line, index(line, "=") + 1) }
    function number_of(version, part) { split(version, part, "."); return part[1] * 1000 + part[2] }
    # The kernel that a reason names after a word, or the default.
    function bound(reason, word, otherwise) {
        if (!match(reason, word " Linux [0-9]+[.][0-9]+")) return otherwise
        return number_of(substr(reason, RSTART + length(word " Linux "), RLENGTH))
    }
    function concerns(reason) {
        return kernel == 0 || (kernel >= bound(reason, "since", 0) && kernel <= bound(reason, "until", kernel))
    }

    BEGIN { configuration = ARGV[1] }
    FILENAME == configuration {
        if ($0 ~ /^# Linux\/[^ ]+ [0-9]+[.][0-9]+.* Kernel Configuration$/) kernel = number_of($3)
        if ($0 ~ /^CONFIG_[A-Za-z0-9_]+=/) built[option_of($0)] = value_of($0)
        next
    }
    FNR == 1 { reason = "" }
    /^CONFIG_[A-Za-z0-9_]+=[^ \t]/ || /^# CONFIG_[A-Za-z0-9_]+ is not set$/ {
        option = option_of($0)
        if (!(option in wanted)) order[++seen] = option
        wanted[option] = value_of($0); why[option] = reason; place[option] = FILENAME ":" FNR
        reason = ""; next
    }
    /^#/ { reason = reason substr($0, 2); next }
    { reason = "" }
    !/^[ \t]*$/ { printf "%s:%d: \"%s\" is neither an option nor a comment\n", FILENAME, FNR, $0 > "/dev/stderr"; malformed = 1 }

    END {
        if (malformed) exit 2
        for (each = 1; each <= seen; each++) {
            option = order[each]
            if (!concerns(why[option])) continue
            total += 1
            got = option in built ? built[option] : "n"
            if (got == wanted[option] || (modules_serve && wanted[option] == "y" && got == "m")) continue
            lost += 1
            printf "CONFIG_%s: wanted %s, got %s (%s)\n   %s\n", option, wanted[option], got, place[option], why[option]
        }
        printf "%d of %d options survived\n", total - lost, total
        exit lost > 0
    }
' "$@"
