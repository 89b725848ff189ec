#!/bin/sh
# SPDX-License-Identifier: MIT
# The RAUC bundle of an image, when the configuration asks for one.
set -eu
[ -n "${OPEN_SESAME_BUNDLE_VERSION:-}" ] || exit 0
for each in CERTIFICATE KEY; do
    eval "value=\${OPEN_SESAME_BUNDLE_$each}"
    [ -n "$value" ] || { echo "a RAUC bundle is signed: set BR2_PACKAGE_OPEN_SESAME_BUNDLE_$each" >&2 && exit 1; }
done
sh "$(dirname "$0")/pack-bundle.sh" "$OPEN_SESAME_BUNDLE_COMPATIBLE" "$OPEN_SESAME_BUNDLE_VERSION" "$BINARIES_DIR/rootfs.squashfs" \
    "$TARGET_DIR/usr/lib/open-sesame/update-hooks/rauc" \
    "$OPEN_SESAME_BUNDLE_CERTIFICATE" "$OPEN_SESAME_BUNDLE_KEY" "$BINARIES_DIR/update.raucb"
