# SPDX-License-Identifier: MIT
SUMMARY = "A device that keeps secrets, and nothing else"
DESCRIPTION = "Read-only root, both daemons and the command. State is on a partition of its own. Nobody can log in."
LICENSE = "MIT"

IMAGE_INSTALL = "packagegroup-core-boot packagegroup-open-sesame"
IMAGE_FEATURES += "read-only-rootfs"
IMAGE_LINGUAS = ""

# The root file system and, beside it, the data partition that is mounted on /var/lib/pds.
WKS_FILE:rpi = "open-sesame-raspberrypi.wks"
WKS_FILE:qemuall = "open-sesame-qemu.wks"
IMAGE_FSTYPES:rpi = "wic.zst wic.bmap"
IMAGE_FSTYPES:qemuall = "wic"
QB_DEFAULT_FSTYPE:qemuall = "wic"
QB_FSINFO:qemuall = "wic:no-kernel-in-fs"
QB_KERNEL_ROOT:qemuall = "/dev/vda1 ro"

inherit core-image features_check
REQUIRED_DISTRO_FEATURES = "open-sesame"
