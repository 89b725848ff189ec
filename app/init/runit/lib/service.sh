# SPDX-License-Identifier: MIT
# What the scripts of runit share. Sourced after `service` is set.
log_file=daemon-${service#open-sesame-}/current
. "${library:-/usr/lib/open-sesame/supervision}/service.sh"
