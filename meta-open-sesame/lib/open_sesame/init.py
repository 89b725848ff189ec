# SPDX-License-Identifier: MIT
"""The init system that a distribution asks for by INIT_MANAGER."""

import os


def problem_of(manager, path):
    """Why no init system can come from that, as a sentence that says what to do, or None.

    What INIT_MANAGER names is a file that some layer of BBPATH has.
    """
    name = f"conf/distro/include/init-manager-{manager}.inc"
    if not manager or any(os.path.isfile(os.path.join(directory, name)) for directory in path.split(":")):
        return None
    if manager == "openrc":
        return (
            "INIT_MANAGER is openrc, and OpenRC comes from the layer openrc-layer: add https://github.com/jsbronder/meta-openrc to BBLAYERS"
        )
    return f'INIT_MANAGER is {manager}, which no layer of BBLAYERS has: set it to "openrc", "systemd" or "sysvinit"'
