#!/bin/sh
# SPDX-License-Identifier: MIT
# The RAUC bundle of an image, when the configuration asks for one.
set -eu
[ -n "${OPEN_SESAME_BUNDLE_VERSION:-}" ] || exit 0
for each in CERTIFICATE KEY; do
    eval "value=\${OPEN_SESAME_BUNDLE_$each}"
    [ -n "$value" ] || { echo "a RAUC bundle is signed: set BR2_PACKAGE_OPEN_SESAME_BUNDLE_$each" >&2 && exit 1; }
done
hook=$TARGET_DIR/usr/lib/open-sesame/update-hooks/rauc
# Buildroot installs nothing again when an option changes.
[ -e "$hook" ] || { echo "the image has no update hooks yet: make open-sesame-reinstall all" >&2 && exit 1; }
sh "$(dirname "$0")/pack-bundle.sh" "$OPEN_SESAME_BUNDLE_COMPATIBLE" "$OPEN_SESAME_BUNDLE_VERSION" "$BINARIES_DIR/rootfs.squashfs" \
    "$hook" "$OPEN_SESAME_BUNDLE_CERTIFICATE" "$OPEN_SESAME_BUNDLE_KEY" "$BINARIES_DIR/update.raucb"
