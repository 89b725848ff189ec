################################################################################
#
# open-sesame
#
################################################################################

OPEN_SESAME_VERSION = 0.1.0
OPEN_SESAME_LIBC = $(if $(BR2_TOOLCHAIN_USES_MUSL),musl,glibc)
OPEN_SESAME_SOURCE = open-sesame-$(OPEN_SESAME_VERSION)-$(ARCH)-$(OPEN_SESAME_LIBC).tar.gz
OPEN_SESAME_SITE = $(OPEN_SESAME_RELEASES_URL)
OPEN_SESAME_LICENSE = \
	MIT, Apache-2.0 (cborg), BSD-3-Clause (smol-toml), \
	Public Domain (SQLite)
OPEN_SESAME_LICENCES = parts/licences/usr/share/licenses/open-sesame
OPEN_SESAME_LICENSE_FILES = $(addprefix $(OPEN_SESAME_LICENCES)/, \
	open-sesame Apache-2.0 ajv better-sqlite3-multiple-ciphers cborg ffi-rs \
	noble-hashes node-rs-argon2 rust-crates smol-toml sqlite)
OPEN_SESAME_CPE_ID_VENDOR = open-sesame

# Node is what lib/node points to; libstdc++ is for the native modules.
OPEN_SESAME_DEPENDENCIES = \
	$(if $(BR2_PACKAGE_OPEN_SESAME_NODE_PREBUILT),open-sesame-node) \
	$(if $(BR2_PACKAGE_OPEN_SESAME_NODE_BUILT),nodejs) \
	$(if $(BR2_PACKAGE_OPEN_SESAME_FACTOR_TPM),tpm2-tss) \
	$(if $(BR2_PACKAGE_OPEN_SESAME_FACTOR_SSH_AGENT),dropbear)
OPEN_SESAME_NODE_PROGRAM = $(if $(BR2_PACKAGE_OPEN_SESAME_NODE_PREBUILT),/usr/lib/node/bin/node,/usr/bin/node)

OPEN_SESAME_PARTS = common licences \
	$(if $(BR2_PACKAGE_OPEN_SESAME_PROFILE),profile) \
	$(if $(BR2_PACKAGE_OPEN_SESAME_SECRETS),secrets) \
	$(if $(BR2_PACKAGE_OPEN_SESAME_CLI),cli) \
	$(if $(BR2_PACKAGE_OPEN_SESAME_COMPLETION),completion) \
	$(if $(BR2_PACKAGE_OPEN_SESAME_CONFIG),config) \
	$(if $(BR2_PACKAGE_OPEN_SESAME_UPDATE_HOOKS),update-hooks)

define OPEN_SESAME_INSTALL_PARTS
	DESTDIR=$(TARGET_DIR) sh $(@D)/install.sh \
		--parts $(subst $(space),$(comma),$(strip $(1))) $(2) \
		--node $(OPEN_SESAME_NODE_PROGRAM)
endef

# The archive's programs are built, so the oldest toolchain that they run with is
# a fact of the archive and not a choice made here.
define OPEN_SESAME_CHECK_TOOLCHAIN
	sh $(OPEN_SESAME_PKGDIR)/check-toolchain.sh $(STAGING_DIR)
endef
ifeq ($(BR2_TOOLCHAIN_USES_GLIBC),y)
OPEN_SESAME_PRE_CONFIGURE_HOOKS += OPEN_SESAME_CHECK_TOOLCHAIN
endif

define OPEN_SESAME_INSTALL_TARGET_CMDS
	$(call OPEN_SESAME_INSTALL_PARTS,$(OPEN_SESAME_PARTS))
endef

define OPEN_SESAME_INSTALL_INIT_OPENRC
	$(call OPEN_SESAME_INSTALL_PARTS,licences,--init openrc)
endef

define OPEN_SESAME_INSTALL_INIT_SYSTEMD
	$(call OPEN_SESAME_INSTALL_PARTS,licences,--init systemd)
endef

# Buildroot's rcS starts what is called S followed by two digits, in this order.
ifeq ($(BR2_INIT_BUSYBOX),y)
OPEN_SESAME_LEFT_OUT = \
	$(if $(BR2_PACKAGE_OPEN_SESAME_PROFILE),,profile) \
	$(if $(BR2_PACKAGE_OPEN_SESAME_SECRETS),,secrets)

define OPEN_SESAME_INSTALL_INIT_SYSV
	$(call OPEN_SESAME_INSTALL_PARTS,licences,--init busybox)
	rm -f $(foreach name,$(OPEN_SESAME_LEFT_OUT),$(TARGET_DIR)/etc/init.d/S8?open-sesame-$(name))
endef

# Each line keeps the supervisor of one daemon alive.
define OPEN_SESAME_SUPERVISE
	$(SED) '/open-sesame/d' $(TARGET_DIR)/etc/inittab
	grep '^::' $(TARGET_DIR)/usr/lib/open-sesame/busybox/inittab >> $(TARGET_DIR)/etc/inittab
	$(foreach name,$(OPEN_SESAME_LEFT_OUT), \
		$(SED) '/open-sesame-$(name)/d' $(TARGET_DIR)/etc/inittab;)
endef
OPEN_SESAME_TARGET_FINALIZE_HOOKS += OPEN_SESAME_SUPERVISE
else
define OPEN_SESAME_INSTALL_INIT_SYSV
	$(call OPEN_SESAME_INSTALL_PARTS,licences,--init sysvinit)
	$(if $(BR2_PACKAGE_OPEN_SESAME_PROFILE), \
		ln -sf open-sesame-profile $(TARGET_DIR)/etc/init.d/S80open-sesame-profile)
	$(if $(BR2_PACKAGE_OPEN_SESAME_SECRETS), \
		ln -sf open-sesame-secrets $(TARGET_DIR)/etc/init.d/S81open-sesame-secrets)
endef
endif

# Ids are fixed: they own files on a partition that outlives the image.
define OPEN_SESAME_USERS
	pds-profile 900 pds 900 * - /bin/false - daemon-profile of Open Sesame
	pds-secrets 901 pds 900 * - /bin/false - daemon-secrets of Open Sesame
endef

define OPEN_SESAME_MOUNT_POINTS
	mkdir -p $(TARGET_DIR)/etc/pds $(TARGET_DIR)/var/lib/pds
endef
OPEN_SESAME_POST_INSTALL_TARGET_HOOKS += OPEN_SESAME_MOUNT_POINTS

ifeq ($(BR2_INIT_OPENRC),y)
OPEN_SESAME_SERVICES = open-sesame-node-cache \
	$(if $(BR2_PACKAGE_OPEN_SESAME_PROFILE),open-sesame-profile) \
	$(if $(BR2_PACKAGE_OPEN_SESAME_SECRETS),open-sesame-secrets)

# Without "unified" OpenRC sets no memory limit.
define OPEN_SESAME_ENABLE_SERVICES
	$(foreach service,$(OPEN_SESAME_SERVICES),
		$(call OPEN_SESAME_RC_UPDATE,$(service),default))
	$(SED) '/^#\?rc_cgroup_mode=/d' $(TARGET_DIR)/etc/rc.conf
	echo 'rc_cgroup_mode="unified"' >> $(TARGET_DIR)/etc/rc.conf
endef
OPEN_SESAME_TARGET_FINALIZE_HOOKS += OPEN_SESAME_ENABLE_SERVICES
endif

# As rc-update does, which is a program of the target: $(1) service, $(2) runlevel.
define OPEN_SESAME_RC_UPDATE
	mkdir -p $(TARGET_DIR)/etc/runlevels/$(2)
	ln -sfn /etc/init.d/$(1) $(TARGET_DIR)/etc/runlevels/$(2)/$(1)
endef

ifeq ($(BR2_PACKAGE_OPEN_SESAME_DEVICE),y)
# OpenRC's own fsck would repair the data partition before anybody has seen it.
define OPEN_SESAME_INSTALL_DEVICE
	rsync -a --chmod=u=rwX,go=rX $(OPEN_SESAME_PKGDIR)/device/ $(TARGET_DIR)/
	$(call OPEN_SESAME_RC_UPDATE,device-data,boot)
	$(call OPEN_SESAME_RC_UPDATE,device-identity,boot)
	rm -f $(TARGET_DIR)/etc/runlevels/boot/fsck
endef
OPEN_SESAME_TARGET_FINALIZE_HOOKS += OPEN_SESAME_INSTALL_DEVICE
endif

OPEN_SESAME_AUTHORIZED_KEYS = $(call qstrip,$(BR2_PACKAGE_OPEN_SESAME_AUTHORIZED_KEYS))
ifneq ($(OPEN_SESAME_AUTHORIZED_KEYS),)
define OPEN_SESAME_INSTALL_AUTHORIZED_KEYS
	mkdir -p -m 0700 $(TARGET_DIR)/root/.ssh
	$(INSTALL) -m 0600 $(OPEN_SESAME_AUTHORIZED_KEYS) $(TARGET_DIR)/root/.ssh/authorized_keys
endef
OPEN_SESAME_TARGET_FINALIZE_HOOKS += OPEN_SESAME_INSTALL_AUTHORIZED_KEYS
endif

# For the post-image scripts.
ifeq ($(BR2_PACKAGE_OPEN_SESAME_BUNDLE),y)
export OPEN_SESAME_BUNDLE_VERSION = $(OPEN_SESAME_VERSION)
export OPEN_SESAME_BUNDLE_COMPATIBLE = $(call qstrip,$(BR2_PACKAGE_OPEN_SESAME_BUNDLE_COMPATIBLE))
export OPEN_SESAME_BUNDLE_CERTIFICATE = $(call qstrip,$(BR2_PACKAGE_OPEN_SESAME_BUNDLE_CERTIFICATE))
export OPEN_SESAME_BUNDLE_KEY = $(call qstrip,$(BR2_PACKAGE_OPEN_SESAME_BUNDLE_KEY))
endif

$(eval $(generic-package))

# A release that was made here has its hashes beside it.
OPEN_SESAME_HASH_FILES += $(wildcard $(OPEN_SESAME_RELEASES)/open-sesame.hash)
