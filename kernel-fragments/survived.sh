#!/bin/sh
# SPDX-License-Identifier: MIT
# Which options of kernel fragments a built kernel does not have, and what is lost by it:
#   survived.sh .config FRAGMENT.cfg…
# Exit code 0: all there. 1: some are not. 2: called wrongly. Of two fragments that disagree the later one counts, as for merge_config.sh.
# For image systems, whose hosts have no Node; check.ts knows more.
set -eu
[ $# -ge 2 ] || { sed -n '4,5s/^# *//p' "$0" >&2 && exit 2; }
for file in "$@"; do
    [ -r "$file" ] || { echo "survived.sh: $file cannot be read" >&2 && exit 2; }
done

exec awk '
    function option_of(line) { sub(/^# /, "", line); sub(/^CONFIG_/, "", line); sub(/[= ].*/, "", line); return line }
    function value_of(line) { return line ~ /^#/ ? "n" : substr(line, index(line, "=") + 1) }

    FILENAME != file { file = FILENAME; files += 1; reason = "" }
    /^CONFIG_[A-Za-z0-9_]+=/ || /^# CONFIG_[A-Za-z0-9_]+ is not set$/ {
        if (files == 1) { built[option_of($0)] = value_of($0); next }
        wanted[option_of($0)] = value_of($0); why[option_of($0)] = reason; place[option_of($0)] = FILENAME ":" FNR
        reason = ""; next
    }
    files > 1 { reason = /^#/ ? reason substr($0, 2) : "" }

    END {
        for (option in wanted) {
            total += 1
            got = option in built ? built[option] : "n"
            if (got == wanted[option]) continue
            lost += 1
            printf "CONFIG_%s: wanted %s, got %s (%s)\n   %s\n", option, wanted[option], got, place[option], why[option]
        }
        printf "%d of %d options survived\n", total - lost, total
        exit lost > 0
    }
' "$@"
