# SPDX-License-Identifier: MIT
# Sourced by `finish`, which runsv(8) calls with the exit code of `run`, or -1 when a signal ended it. A daemon ends with 0 only when it
# was asked to.
. /usr/lib/open-sesame/runit/service.sh
. "$library/ends.sh"

rm -f "$pid_file"
[ "$1" != 0 ] || exit 0
if ended_too_often; then
    sv down .
    give_up "sv up $service"
else
    sleep "$respawn_delay"
fi
