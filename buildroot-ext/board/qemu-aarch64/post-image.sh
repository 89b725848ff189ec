#!/bin/sh
# SPDX-License-Identifier: MIT
set -eu
sh "$(dirname "$0")/../common/data-partition.sh" "$BINARIES_DIR/data.ext4"
sh "$(dirname "$0")/../common/bundle.sh"
