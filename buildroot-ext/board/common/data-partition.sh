#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes an empty data partition that can grow to 1 TiB: data-partition.sh FILE. The same bytes each time.
set -eu
file=$1

# Fixed, because the image is one for all devices. The ids say which image it was, not which device it is on.
uuid=6f70656e-7365-7361-6d65-646174610001
export E2FSPROGS_FAKE_TIME=1 SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-1}"
growth=$((1024 * 1024 * 1024 / 4)) # blocks of 4 KiB in 1 TiB

rm -f "$file"
truncate -s 32M "$file"
mke2fs -q -F -t ext4 -b 4096 -L data -m 0 -U "$uuid" -I 256 \
    -E "resize=$growth,hash_seed=$uuid,lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0" "$file"
