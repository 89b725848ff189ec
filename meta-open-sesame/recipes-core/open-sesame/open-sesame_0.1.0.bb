# SPDX-License-Identifier: MIT
SUMMARY = "A secrets vault for embedded Linux"
DESCRIPTION = "Two daemons that keep a device's passwords, keys and tokens in an encrypted vault and hand each program what its rules \
allow, and the command to talk to them. Installed from the release that `npm run dist` makes, with the network off."
SECTION = "security"
LICENSE = "MIT & Apache-2.0 & BSD-3-Clause & blessing"
LICENCES = "parts/licences/usr/share/licenses/open-sesame"
LIC_FILES_CHKSUM = " \
    file://${LICENCES}/open-sesame;md5=60f801cb0f6783df31bcd4151a130ddf \
    file://${LICENCES}/cborg;md5=d0ca696a3f90e126c859bfd21e03b0b6 \
    file://${LICENCES}/smol-toml;md5=02b638a5d76a2c2c773f001ff92b52d5 \
    file://${LICENCES}/sqlite;md5=f84e0bcac1ee66793b274ab7a934f065 \
"

SRC_URI = "file://${BP}-${TARGET_ARCH}-${TCLIBC}.tar.gz"
FILESEXTRAPATHS:prepend := "${OPEN_SESAME_RELEASE}:"

inherit features_check systemd
REQUIRED_DISTRO_FEATURES = "open-sesame"
COMPATIBLE_HOST = "(aarch64|x86_64).*-linux"

PACKAGECONFIG ??= "${@bb.utils.filter('DISTRO_FEATURES', 'tpm2', d)}"
PACKAGECONFIG[tpm2] = ",,,libtss2 libtss2-mu libtss2-tcti-device"

# The sanity check has looked at the archive before the build; this looks at what is unpacked.
python verify_release() {
    import open_sesame.release
    archive = d.expand("${BP}-${TARGET_ARCH}-${TCLIBC}.tar.gz")
    problem = open_sesame.release.problem_of(d.getVar("OPEN_SESAME_RELEASE"), archive, d.getVar("OPEN_SESAME_SHA256"))
    if problem:
        bb.fatal(problem)
}
do_unpack[prefuncs] += "verify_release"

# Bundled already, and nothing is compiled.
do_configure[noexec] = "1"
do_compile[noexec] = "1"

INIT_SYSTEMS = "${@','.join(bb.utils.filter('DISTRO_FEATURES', 'openrc systemd sysvinit', d).split())}"

do_install() {
    DESTDIR=${D} sh ${S}/install.sh --init "${INIT_SYSTEMS}" --node "${OPEN_SESAME_NODE_PATH}" \
        --systemd-units "${systemd_system_unitdir}"
    # Where the data partition is mounted.
    install -d ${D}${localstatedir}/lib/pds
}

PACKAGE_BEFORE_PN = "${PN}-profile ${PN}-secrets ${PN}-cli ${PN}-update-hooks ${PN}-completion ${PN}-openrc ${PN}-systemd ${PN}-sysvinit"

HOME_DIR = "${nonarch_libdir}/open-sesame"
FILES:${PN} = "${HOME_DIR}/lib ${sysconfdir}/pds"
FILES:${PN}-profile = "${HOME_DIR}/bin/daemon-profile ${HOME_DIR}/lib/daemon-profile.cjs ${localstatedir}/lib/pds"
FILES:${PN}-secrets = " \
    ${HOME_DIR}/bin/daemon-secrets \
    ${HOME_DIR}/lib/daemon-secrets.cjs \
    ${HOME_DIR}/lib/native/better-sqlite3* \
    ${HOME_DIR}/lib/native/node-rs-argon2* \
"
FILES:${PN}-cli = "${bindir}/sesame ${HOME_DIR}/bin/sesame ${HOME_DIR}/lib/sesame*"
FILES:${PN}-update-hooks = "${HOME_DIR}/update-hooks"
FILES:${PN}-completion = "${datadir}/bash-completion ${datadir}/zsh ${datadir}/fish"
FILES:${PN}-openrc = "${HOME_DIR}/openrc ${sysconfdir}/conf.d"
FILES:${PN}-openrc += "${@bb.utils.contains('DISTRO_FEATURES', 'openrc', '${sysconfdir}/init.d', '', d)}"
FILES:${PN}-systemd = "${systemd_system_unitdir} ${nonarch_libdir}/systemd/user ${nonarch_libdir}/tmpfiles.d ${nonarch_libdir}/sysusers.d"
FILES:${PN}-sysvinit = "${HOME_DIR}/supervision ${sysconfdir}/default"
FILES:${PN}-sysvinit += "${@bb.utils.contains('DISTRO_FEATURES', 'openrc', '', '${sysconfdir}/init.d', d)}"
FILES:${PN}-doc += "${datadir}/licenses"
CONFFILES:${PN} = "${sysconfdir}/pds/config.toml"
CONFFILES:${PN}-openrc = "${sysconfdir}/conf.d"
CONFFILES:${PN}-sysvinit = "${sysconfdir}/default"

RDEPENDS:${PN} += "${OPEN_SESAME_NODE} open-sesame-users"
RDEPENDS:${PN}-profile = "${PN}"
RDEPENDS:${PN}-secrets = "${PN} ${PN}-profile"
RDEPENDS:${PN}-cli = "${PN}"
RDEPENDS:${PN}-update-hooks = "${PN}-cli"
RDEPENDS:${PN}-openrc = "${PN}-profile ${PN}-secrets"
RDEPENDS:${PN}-systemd = "${PN}-profile ${PN}-secrets"
RDEPENDS:${PN}-sysvinit = "${PN}-profile ${PN}-secrets"

SYSTEMD_PACKAGES = "${@bb.utils.contains('DISTRO_FEATURES', 'systemd', '${PN}-systemd', '', d)}"
SYSTEMD_SERVICE:${PN}-systemd = "open-sesame-node-cache.service open-sesame-profile.service open-sesame-secrets.service"

# update-rc.d.bbclass knows one script a package.
PACKAGE_WRITE_DEPS += "${@bb.utils.contains('DISTRO_FEATURES', 'sysvinit', 'update-rc.d-native', '', d)}"
pkg_postinst:${PN}-sysvinit() {
    if type update-rc.d > /dev/null 2>&1; then
        if [ -n "$D" ]; then root="-r $D"; else root=""; fi
        update-rc.d $root open-sesame-profile defaults 80 20
        update-rc.d $root open-sesame-secrets defaults 81 19
    fi
}
pkg_postrm:${PN}-sysvinit() {
    if type update-rc.d > /dev/null 2>&1; then
        if [ -n "$D" ]; then root="-r $D"; else root=""; fi
        update-rc.d $root -f open-sesame-profile remove
        update-rc.d $root -f open-sesame-secrets remove
    fi
}

# Native modules are as their authors published them: stripped, and linked without a GNU hash table.
INSANE_SKIP:${PN} = "already-stripped ldflags"
INSANE_SKIP:${PN}-secrets = "already-stripped ldflags"
# ffi-rs publishes a module for musl that names glibc's library, as which musl passes itself off.
INSANE_SKIP:${PN}:append:libc-musl = " file-rdeps"
