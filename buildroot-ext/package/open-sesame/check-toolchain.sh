#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails when the C and C++ libraries of a toolchain are older than what the native modules were linked with.
set -eu
staging=$1

# Whether some library of that name defines the symbol version.
defines() {
    find "$staging" -name "$1" -exec grep -aqF "$2" {} \; -print | grep -q .
}

missing=
defines 'libc.so.6' GLIBC_2.34 || missing='glibc 2.34'
defines 'libstdc++.so.6*' GLIBCXX_3.4.29 || missing="${missing:+$missing and }libstdc++ with GLIBCXX_3.4.29 (gcc 11)"
[ -z "$missing" ] && exit 0
echo "open-sesame: the native modules need $missing or newer, and the toolchain in $staging is older; choose a newer toolchain" >&2
exit 1
