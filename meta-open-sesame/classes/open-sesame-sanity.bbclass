# SPDX-License-Identifier: MIT
# Stops the build before it begins when something that Open Sesame needs is missing, with a sentence that says what to add. Inherited by
# conf/distro/include/open-sesame.inc.

def open_sesame_problems(d):
    import open_sesame.release

    layers = (d.getVar("BBFILE_COLLECTIONS") or "").split()
    features = (d.getVar("DISTRO_FEATURES") or "").split()
    needed = [
        ("openrc" in features, "openrc-layer", "OpenRC", "https://github.com/jsbronder/meta-openrc"),
        ("tpm2" in features, "tpm-layer", "a TPM (tpm2 in DISTRO_FEATURES)", "https://git.yoctoproject.org/meta-security, folder meta-tpm"),
    ]
    for wanted, layer, what, place in needed:
        if wanted and layer not in layers:
            yield f"{what} comes from the layer {layer}: add {place} to BBLAYERS"
    if d.getVar("OPEN_SESAME_INIT_PROBLEM"):
        yield d.getVar("OPEN_SESAME_INIT_PROBLEM")
    elif not {"openrc", "systemd", "sysvinit"} & set(features):
        yield 'no init system that there are service files for: set INIT_MANAGER to "openrc", "systemd" or "sysvinit"'
    machine, architecture = d.getVar("MACHINE"), d.getVar("TARGET_ARCH")
    if architecture not in ("aarch64", "x86_64"):
        yield (
            f"MACHINE {machine} is {architecture}; secret memory and the release exist for aarch64 and x86_64: "
            "take a 64-bit machine, raspberrypi4-64 for a Raspberry Pi 4 for example"
        )
        return
    archive = d.expand("open-sesame-${OPEN_SESAME_VERSION}-${TARGET_ARCH}-${TCLIBC}.tar.gz")
    problem = open_sesame.release.problem_of(d.getVar("OPEN_SESAME_RELEASE"), archive, d.getVar("OPEN_SESAME_SHA256"))
    if problem:
        yield problem
    if d.getVar("OPEN_SESAME_NODE") == "nodejs-prebuilt" and not d.getVar("OPEN_SESAME_NODE_SHA256"):
        yield "nodejs-prebuilt needs OPEN_SESAME_NODE_SHA256: the digest that SHASUMS256.txt of that Node release has for the archive"

addhandler open_sesame_sanity
open_sesame_sanity[eventmask] = "bb.event.SanityCheck"
python open_sesame_sanity() {
    problems = list(open_sesame_problems(e.data))
    if problems:
        bb.fatal("Open Sesame cannot be built like this:\n" + "\n".join(f"  - {problem}." for problem in problems))
}
