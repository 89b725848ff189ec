# Where the archives of both packages are; a directory becomes a URL.
OPEN_SESAME_RELEASES = $(call qstrip,$(BR2_PACKAGE_OPEN_SESAME_RELEASES))
OPEN_SESAME_RELEASES_URL = $(if $(filter /%,$(OPEN_SESAME_RELEASES)),file://)$(OPEN_SESAME_RELEASES)

include $(sort $(wildcard $(BR2_EXTERNAL_OPEN_SESAME_PATH)/package/*/*.mk))

# A requested kernel option can vanish when something that it depends on is off.
# Nothing says so; the daemons would fall back, or the TPM be missing. So every
# fragment is compared with the configuration that the kernel is built from.
ifeq ($(BR2_PACKAGE_OPEN_SESAME_KERNEL_CHECK),y)
define OPEN_SESAME_CHECK_KERNEL
	$(if $(LINUX_KCONFIG_FRAGMENT_FILES), \
		sh $(BR2_EXTERNAL_OPEN_SESAME_PATH)/kernel-fragments/survived.sh \
			$(LINUX_DIR)/.config $(LINUX_KCONFIG_FRAGMENT_FILES))
endef
LINUX_POST_CONFIGURE_HOOKS += OPEN_SESAME_CHECK_KERNEL
endif
