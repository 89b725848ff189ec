################################################################################
#
# open-sesame-node
#
################################################################################

OPEN_SESAME_NODE_VERSION = 22.23.3
OPEN_SESAME_NODE_ARCH = $(if $(BR2_aarch64),arm64,x64)
OPEN_SESAME_NODE_SOURCE = node-linux-$(OPEN_SESAME_NODE_ARCH)-$(OPEN_SESAME_NODE_VERSION).tgz
OPEN_SESAME_NODE_SITE = $(OPEN_SESAME_RELEASES_URL)
OPEN_SESAME_NODE_LICENSE = MIT (core code); MIT, Apache and BSD family licenses (Bundled components)
OPEN_SESAME_NODE_LICENSE_FILES = LICENSE
OPEN_SESAME_NODE_CPE_ID_VENDOR = nodejs
OPEN_SESAME_NODE_CPE_ID_PRODUCT = node.js

# Buildroot strips what is executable whenever the target is finished. Each time
# that would merge these notes once more, and no two images would be the same.
define OPEN_SESAME_NODE_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(@D)/bin/node $(TARGET_DIR)/usr/lib/node/bin/node
	$(TARGET_OBJCOPY) --remove-section=.gnu.build.attributes \
		$(TARGET_DIR)/usr/lib/node/bin/node
endef

$(eval $(generic-package))
