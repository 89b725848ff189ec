#!/bin/sh
# SPDX-License-Identifier: MIT
# What every board's root file system needs and no package does.
set -eu

# Nobody could write there: places that change are on the data partition or in memory.
link() {
    rm -rf "${TARGET_DIR:?}/$2"
    mkdir -p "$(dirname "$TARGET_DIR/$2")"
    ln -s "$1" "$TARGET_DIR/$2"
}
link /var/lib/identity/machine-id etc/machine-id
# OpenRC would make that link at each boot, and say each time that it cannot.
link /proc/self/mounts etc/mtab
rm -f "$TARGET_DIR/etc/runlevels/boot/mtab"
[ ! -e "$TARGET_DIR/usr/sbin/dropbear" ] || link /var/lib/identity/dropbear etc/dropbear

# An image is the same on every device: what must differ is made on the device.
found=$(cd "$TARGET_DIR" && find etc root var -type f \( -name '*.key' -o -name '*_key' -o -name '*.pem' -o -name '*.salt' -o \
    -name '*-wrap*' -o -name 'random-seed' -o -name 'installation.toml' \) ! -path '*/certs/*')
if [ -n "$found" ]; then
    echo "post-build.sh: the image must hold no key or identity: $found" >&2
    exit 1
fi
if grep -q '^root::' "$TARGET_DIR/etc/shadow"; then
    echo "post-build.sh: root has an empty password; set BR2_TARGET_GENERIC_ROOT_PASSWD or unset BR2_TARGET_ENABLE_ROOT_LOGIN" >&2
    exit 1
fi
