# SPDX-License-Identifier: MIT
require open-sesame-image.bb

SUMMARY = "The same device with a login on the console, documentation and completions"
DESCRIPTION = "For trying things out. Root's password is what OPEN_SESAME_DEMO_PASSWORD says; unset, nobody can log in here either."

IMAGE_INSTALL += "open-sesame-completion open-sesame-doc"

# A hash as `mkpasswd -m sha512crypt` prints it, each $ written as \$.
OPEN_SESAME_DEMO_PASSWORD ?= ""
inherit extrausers
EXTRA_USERS_PARAMS = "${@"usermod -p '%s' root;" % d.getVar('OPEN_SESAME_DEMO_PASSWORD') if d.getVar('OPEN_SESAME_DEMO_PASSWORD') else ''}"
