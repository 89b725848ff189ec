#!/bin/sh
# SPDX-License-Identifier: MIT
# From Buildroot's images to a card.
set -eu
board=$(dirname "$0")
common=$board/../common
boot=$BINARIES_DIR/boot

rm -rf "$boot"
mkdir -p "$boot"
cp -r "$BINARIES_DIR/rpi-firmware/." "$boot/"
cp "$BINARIES_DIR"/*.dtb "$BINARIES_DIR/Image" "$boot/"
sh "$common/data-partition.sh" "$BINARIES_DIR/data.ext4"
sh "$common/pack-card.sh" "$board/genimage.cfg" "$BINARIES_DIR"
sh "$common/bundle.sh"
