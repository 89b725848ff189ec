#!/bin/sh
# SPDX-License-Identifier: MIT
# Packs a root file system into a signed RAUC bundle whose hook approves the next boot before RAUC activates the slot:
#   pack-bundle.sh COMPATIBLE VERSION ROOTFS.squashfs HOOK CERTIFICATE KEY BUNDLE.raucb
# HOOK is app/init/update-hooks/rauc. CERTIFICATE and KEY are as `rauc bundle` takes them: files or PKCS#11 URIs.
set -eu
[ $# -eq 7 ] || { sed -n '4s/^# */usage: /p' "$0" >&2 && exit 2; }
compatible=$1 version=$2 root=$3 hook=$4 certificate=$5 key=$6 bundle=$7

content=$(mktemp -d)
trap 'rm -rf "$content"' EXIT
cp "$root" "$content/rootfs.squashfs"
install -m 0755 "$hook" "$content/rauc"
cat > "$content/manifest.raucm" << END
[update]
compatible=$compatible
version=$version

[bundle]
format=verity

[hooks]
filename=rauc

[image.rootfs]
filename=rootfs.squashfs
hooks=post-install
END

# RAUC replaces no bundle.
rm -f "$bundle"
rauc bundle --cert="$certificate" --key="$key" "$content" "$bundle"
