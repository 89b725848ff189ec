# SPDX-License-Identifier: MIT
# Gives a kernel the options of the shared fragments and fails when one did not survive. For any kernel recipe that takes .cfg files:
#   inherit open-sesame-kernel

FILESEXTRAPATHS:prepend := "${OPEN_SESAME_KERNEL_FRAGMENTS_DIR}:"
SRC_URI:append = " ${@' '.join('file://%s.cfg' % name for name in d.getVar('OPEN_SESAME_KERNEL_FRAGMENTS').split())}"

# "1" where a module does for an option that is asked for as built in.
OPEN_SESAME_KERNEL_MODULES_SERVE ?= "1"

do_open_sesame_kernel_check() {
    fragments="${@' '.join(d.expand('${OPEN_SESAME_KERNEL_FRAGMENTS_DIR}/%s.cfg' % name) for name in d.getVar('OPEN_SESAME_KERNEL_FRAGMENTS').split())}"
    options="${@'--modules-serve' if bb.utils.to_boolean(d.getVar('OPEN_SESAME_KERNEL_MODULES_SERVE')) else ''}"
    [ -n "$fragments" ] || return 0
    if ! answer=$(sh ${OPEN_SESAME_KERNEL_FRAGMENTS_DIR}/survived.sh $options ${B}/.config $fragments 2>&1); then
        bbfatal "This kernel lost options that Open Sesame needs:
$answer
Look for what the option depends on, or take its fragment out of OPEN_SESAME_KERNEL_FRAGMENTS and accept what is lost. Without secret-memory, \
for a kernel older than 5.14 or an architecture that lacks SECRETMEM, the daemons use mlock and say so at ERROR."
    fi
}
do_open_sesame_kernel_check[doc] = "Fails when a kernel option of Open Sesame's fragments did not survive the configuration"
do_open_sesame_kernel_check[file-checksums] += "${OPEN_SESAME_KERNEL_FRAGMENTS_DIR}/survived.sh:True"
addtask open_sesame_kernel_check after do_configure before do_compile
