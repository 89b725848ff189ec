# SPDX-License-Identifier: MIT
inherit openrc

OPENRC_PACKAGES = "${PN}-openrc"
OPENRC_SERVICES:${PN}-openrc = "open-sesame-node-cache open-sesame-profile open-sesame-secrets"
OPENRC_AUTO_ENABLE:${PN}-openrc = "enable"

# With usrmerge openrc-run is elsewhere, and the class removes scripts that do not name it.
do_install:append() {
    if ${@bb.utils.contains('DISTRO_FEATURES', 'openrc', 'true', 'false', d)}; then
        sed -i "1s,.*,#!${base_sbindir}/openrc-run," ${D}${OPENRC_INITDIR}/open-sesame-*
    fi
}
