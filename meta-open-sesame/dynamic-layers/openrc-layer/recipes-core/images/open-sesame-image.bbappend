# SPDX-License-Identifier: MIT
inherit_defer ${@bb.utils.contains('DISTRO_FEATURES', 'openrc', 'openrc-image', '', d)}
