# SPDX-License-Identifier: MIT
# Sourced by `log/run`. The files belong to root, so that no daemon changes what it has said.
. /usr/lib/open-sesame/runit/service.sh
. "$library/prepare.sh"

log=${error_log%/*}
make_directory 0755 root "$service_directory" && make_directory 0755 root "$log_directory" && make_directory 0755 root "$log" || exit 1
# The file that is written to and one before it.
printf 's%s\nn1\n' $((log_limit_kib * 1024)) > "$log/config"
exec svlogd "$log"
