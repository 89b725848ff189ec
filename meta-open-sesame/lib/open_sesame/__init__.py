# SPDX-License-Identifier: MIT
BBIMPORTS = ["release"]
