# SPDX-License-Identifier: MIT
SUMMARY = "Node as its project builds it"
DESCRIPTION = "The official binary in place of one compiled here, which takes hours. Only the interpreter: neither npm nor headers."
HOMEPAGE = "https://nodejs.org"
SECTION = "devel"
LICENSE = "MIT & ISC & BSD-2-Clause & BSD-3-Clause & Artistic-2.0 & Apache-2.0 & BlueOak-1.0.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

ARCHITECTURE = "${@{'aarch64': 'arm64', 'x86_64': 'x64'}.get(d.getVar('TARGET_ARCH'), 'none')}"
SRC_URI = "https://nodejs.org/dist/v${PV}/node-v${PV}-linux-${ARCHITECTURE}.tar.xz"
SRC_URI[sha256sum] = "${OPEN_SESAME_NODE_SHA256}"

inherit features_check
REQUIRED_DISTRO_FEATURES = "open-sesame"
COMPATIBLE_HOST = "(aarch64|x86_64).*-linux"
COMPATIBLE_HOST:libc-musl = "null"

S = "${UNPACKDIR}/node-v${PV}-linux-${ARCHITECTURE}"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -D -m 0755 ${S}/bin/node ${D}${bindir}/node
}

RCONFLICTS:${PN} = "nodejs"
INSANE_SKIP:${PN} = "already-stripped ldflags"
