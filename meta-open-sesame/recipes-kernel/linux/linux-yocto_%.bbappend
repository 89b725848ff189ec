# SPDX-License-Identifier: MIT
inherit_defer ${@bb.utils.contains('DISTRO_FEATURES', 'open-sesame', 'open-sesame-kernel', '', d)}
