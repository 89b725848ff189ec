#!/bin/sh
# SPDX-License-Identifier: MIT
# Composes sdcard.img from what is in a directory, with block map, compressed form and checksum:
#   pack-card.sh GENIMAGE.CFG DIRECTORY
# The directory has rootfs.squashfs, data.ext4 and the folder boot, which becomes the boot partition. The same bytes each time.
# CARD_COMPRESSION is the level for xz, -6 by default.
set -eu
configuration=$1
images=$2

# FAT keeps times: of everything alike, or two runs would differ.
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-315532800}" MTOOLS_SKIP_CHECK=1 TZ=UTC
find "$images/boot" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/root" "$work/input"
for image in rootfs.squashfs data.ext4; do ln -s "$images/$image" "$work/input/$image"; done

# The file system first, and by hand: genimage copies with the times of now.
truncate -s 64M "$work/input/boot.vfat"
mkfs.vfat -F 32 -s 1 -n BOOT --invariant "$work/input/boot.vfat" > /dev/null
(cd "$images/boot" && find . -mindepth 1 -type d | LC_ALL=C sort) | while IFS= read -r path; do
    mmd -i "$work/input/boot.vfat" "::${path#.}"
done
(cd "$images/boot" && find . -type f | LC_ALL=C sort) | while IFS= read -r path; do
    mcopy -m -i "$work/input/boot.vfat" "$images/boot/$path" "::${path#.}"
done

genimage --loglevel 1 --rootpath "$work/root" --tmppath "$work/tmp" --inputpath "$work/input" \
    --outputpath "$images" --config "$configuration"

image=$images/sdcard.img
bmaptool create --output "$image.bmap" "$image"
# A block map names the time at which it was made in a comment, and nothing else that changes.
xz --force --keep --threads=1 "${CARD_COMPRESSION:--6}" "$image"
(cd "$images" && sha256sum sdcard.img.xz sdcard.img.bmap > sdcard.sha256)
