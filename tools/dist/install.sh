#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the release that this file lies in. Image systems and people use the same one.
set -eu

usage() {
    cat << END
usage: [DESTDIR=DIRECTORY] sh install.sh [--parts LIST] [--init LIST] [--node PATH] [--systemd-units PATH]

  DESTDIR                 root of the image; empty for this machine
  --parts LIST            separated by commas; default: $parts
  --init LIST             init systems whose service files are installed; default: none
  --node PATH             Node 22.15 or newer on the device; default: /usr/bin/node
  --systemd-units PATH    where units belong; default: /usr/lib/systemd/system

Files below /etc that are there already are kept. Parts of this release, init-NAME being the service files for --init NAME:
$(available)
END
}

die() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 1
}

available() {
    (cd "$here/parts" && for part in *; do printf '%s ' "$part"; done)
}

# A tree as it lies on the device, copied with modes that do not depend on who does it.
install_part() {
    [ -d "$here/parts/$1" ] || die "this release has no part $1, only: $(available)"
    (cd "$here/parts/$1" && find . ! -type d) | sort | while IFS= read -r path; do
        install_file "$here/parts/$1/$path" "$(place_of "${path#.}")"
    done
}

place_of() {
    case $1 in
        /usr/lib/systemd/system/*) printf '%s' "$systemd_units/${1#/usr/lib/systemd/system/}" ;;
        *) printf '%s' "$1" ;;
    esac
}

install_file() {
    target=${DESTDIR:-}$2
    case $2 in
        /etc/init.d/*) ;;
        /etc/*) [ -e "$target" ] && ! cmp -s "$1" "$target" && echo "kept $2" && return ;;
    esac
    make_directories "${target%/*}"
    rm -f "$target"
    cp -P "$1" "$target"
    [ -L "$target" ] && return
    if [ -x "$1" ]; then chmod 0755 "$target"; else chmod 0644 "$target"; fi
}

make_directories() {
    (umask 022 && mkdir -p "$1")
}

link_node() {
    make_directories "${DESTDIR:-}/usr/lib/open-sesame/lib"
    ln -sf "$node" "${DESTDIR:-}/usr/lib/open-sesame/lib/node"
}

here=$(cd "$(dirname "$0")" && pwd)
parts=common,profile,secrets,cli,config,update-hooks,completion,doc,licences
init=
node=/usr/bin/node
systemd_units=/usr/lib/systemd/system
while [ $# -gt 0 ]; do
    case $1 in
        --help) usage && exit 0 ;;
        --*=*) option=${1%%=*} value=${1#*=} ;;
        --*)
            [ $# -gt 1 ] || die "$1 needs a value"
            option=$1 value=$2
            shift
            ;;
        *) usage >&2 && exit 2 ;;
    esac
    case $option in
        --parts) parts=$value ;;
        --init) init=$value ;;
        --node) node=$value ;;
        --systemd-units) systemd_units=$value ;;
        *) usage >&2 && exit 2 ;;
    esac
    shift
done
case $node in /*) ;; *) die "--node takes an absolute path on the device, not $node" ;; esac

(cd "$here" && sha256sum -c SHA256SUMS > /dev/null) ||
    die "this release is damaged or was altered: unpack the archive again and compare it with its published checksum"
for part in $(printf '%s' "$parts" | tr ',' ' '); do install_part "$part"; done
for name in $(printf '%s' "$init" | tr ',' ' '); do install_part "init-$name"; done
case ,$parts, in *,common,*) link_node ;; esac
