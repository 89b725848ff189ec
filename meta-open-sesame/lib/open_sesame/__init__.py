# SPDX-License-Identifier: MIT
BBIMPORTS = ["release", "kernel_options"]
