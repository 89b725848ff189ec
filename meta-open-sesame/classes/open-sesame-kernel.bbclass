# SPDX-License-Identifier: MIT
# Gives a kernel the options of the shared fragments and fails when one did not survive. For any kernel recipe that takes .cfg files:
#   inherit open-sesame-kernel

FILESEXTRAPATHS:prepend := "${OPEN_SESAME_KERNEL_FRAGMENTS_DIR}:"
SRC_URI:append = " ${@' '.join('file://%s.cfg' % name for name in d.getVar('OPEN_SESAME_KERNEL_FRAGMENTS').split())}"

# "1" where a module does for an option that is asked for as built in.
OPEN_SESAME_KERNEL_MODULES_SERVE ?= "1"

python do_open_sesame_kernel_check() {
    import pathlib
    import open_sesame.kernel_options

    names = d.getVar("OPEN_SESAME_KERNEL_FRAGMENTS").split()
    directory = pathlib.Path(d.getVar("OPEN_SESAME_KERNEL_FRAGMENTS_DIR"))
    fragments = [(directory / f"{name}.cfg").read_text() for name in names]
    configuration = pathlib.Path(d.getVar("B"), ".config").read_text()
    modules_serve = bb.utils.to_boolean(d.getVar("OPEN_SESAME_KERNEL_MODULES_SERVE"))
    lost = list(open_sesame.kernel_options.lost_options(configuration, fragments, modules_serve))
    if not lost:
        return
    lines = [f"  CONFIG_{option}: wanted {wanted}, got {found}. {reason}" for option, wanted, found, reason in lost]
    advice = "Look for what the option depends on, or take its fragment out of OPEN_SESAME_KERNEL_FRAGMENTS and accept what is lost."
    if any(option == "SECRETMEM" for option, *_ in lost):
        advice += (
            " A kernel without SECRETMEM (older than 5.14, or with an architecture that lacks it) cannot keep keys out of its own maps: "
            "without the fragment secret-memory the daemons use mlock and say so at ERROR."
        )
    bb.fatal("This kernel lost options that Open Sesame needs:\n" + "\n".join(lines) + f"\n{advice}")
}
do_open_sesame_kernel_check[doc] = "Fails when a kernel option of Open Sesame's fragments did not survive the configuration"
addtask open_sesame_kernel_check after do_configure before do_compile
