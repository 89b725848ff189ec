# SPDX-License-Identifier: MIT
SUMMARY = "Open Sesame: both daemons, the command, and the services of the init system"
DESCRIPTION = "What an image installs to get a secrets vault. The init system is that of the distribution."
PACKAGE_ARCH = "${MACHINE_ARCH}"

inherit packagegroup features_check
REQUIRED_DISTRO_FEATURES = "open-sesame"

RDEPENDS:${PN} = " \
    ${@' '.join('open-sesame-%s' % name for name in bb.utils.filter('DISTRO_FEATURES', 'openrc systemd sysvinit', d).split())} \
    open-sesame-cli \
    open-sesame-profile \
    open-sesame-secrets \
"
