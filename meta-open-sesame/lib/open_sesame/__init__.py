# SPDX-License-Identifier: MIT
BBIMPORTS = ["init", "release"]
