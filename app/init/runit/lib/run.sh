# SPDX-License-Identifier: MIT
# Becomes the daemon. Sourced by `run`.
#
# daemon-secrets does not wait for open-sesame-profile: it waits for the bus by itself, so both start at the same time, and a restart of
# daemon-profile does not lock the vaults. Its check succeeds when it is on the bus.
. /usr/lib/open-sesame/runit/service.sh
. "$library/prepare.sh"

prepare || exit 1
enter_limits
echo $$ > "$pid_file"
# Its -l would lower the limit of locked memory and cannot raise it; the shell has set it.
exec chpst -u "$user:pds" "$program"
