# SPDX-License-Identifier: MIT
SUMMARY = "The users of Open Sesame's daemons"
DESCRIPTION = "daemon-profile and daemon-secrets run as users of their own, who share a group and nothing else."
SECTION = "security"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

inherit features_check useradd
REQUIRED_DISTRO_FEATURES = "open-sesame"

S = "${UNPACKDIR}"

# With a TPM, the group that udev gives /dev/tpmrm0 to.
TPM_GROUP = "${@bb.utils.contains('DISTRO_FEATURES', 'tpm2', 'tss', '', d)}"
ACCOUNT = "--system --gid pds --no-create-home --home-dir /nonexistent --shell /bin/false"

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system --gid ${OPEN_SESAME_GID} pds${@'; --system ' + d.getVar('TPM_GROUP') if d.getVar('TPM_GROUP') else ''}"
USERADD_PARAM:${PN} = " \
    ${ACCOUNT} --uid ${OPEN_SESAME_UID_PROFILE} pds-profile; \
    ${ACCOUNT} --uid ${OPEN_SESAME_UID_SECRETS} ${@'--groups ' + d.getVar('TPM_GROUP') if d.getVar('TPM_GROUP') else ''} pds-secrets \
"

ALLOW_EMPTY:${PN} = "1"
