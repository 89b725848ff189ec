# SPDX-License-Identifier: MIT
# What a script of /etc/init.d does. Sourced after `service` is set and with the script's arguments. The file with the pid says that
# the daemon is wanted: while it is there, `supervise` starts the daemon again.

. "${library:=/usr/lib/open-sesame/supervision}/service.sh"
. "$library/prepare.sh"
. "$library/ends.sh"

start() {
    rm -f "$ends"
    launch || return 1
    await_ready
}

# The script and the supervisor may come at the same time.
launch() {
    local status=0
    require_user && prepare_directories || return 1
    hold "$service_directory/$service.lock"
    running_pid > /dev/null || launch_now || status=1
    rm -f "$service_directory/$service.lock"
    return $status
}

launch_now() {
    prepare && begin_log || return 1
    (
        enter_limits
        # start-stop-daemon closes standard error when it goes to the background, so the file is opened behind it.
        start-stop-daemon -S -b -m -p "$pid_file" -c "$user:pds" -x /bin/sh -- -c "exec '$program' 2>> '$error_log'"
    )
}

begin_log() {
    [ -e "$error_log" ] || : > "$error_log"
    chown "$user:pds" "$error_log" && chmod 0640 "$error_log"
    trim_log
}

# Two files of the limit at most. The daemon appends, so that a file cut short under it goes on from its new end. Not with stat(1),
# which busybox may lack.
trim_log() {
    local bytes
    [ -f "$error_log" ] && bytes=$(wc -c < "$error_log") || return 0
    [ "$bytes" -gt $((log_limit_kib * 1024)) ] || return 0
    tail -c $((log_limit_kib * 1024)) "$error_log" > "$error_log.1"
    : > "$error_log"
}

await_ready() {
    "$library/health" --wait "$ready_timeout" "$service" 2> /dev/null && echo "$daemon started" && return 0
    complain "$daemon did not get ready: $(last_words)"
    return 1
}

stop() {
    local pid waited=0
    pid=$(running_pid)
    rm -f "$pid_file" "$ends" "$failed"
    [ -n "$pid" ] || return 0
    kill -TERM "$pid" 2> /dev/null
    while kill -0 "$pid" 2> /dev/null && [ $waited -lt 10 ]; do
        sleep 1
        waited=$((waited + 1))
    done
    kill -KILL "$pid" 2> /dev/null
    rm -f "$heartbeat"
}

reload() {
    local pid
    pid=$(running_pid) && kill -HUP "$pid"
}

status() {
    "$library/health" "$service" && echo "$daemon runs"
}

perform() {
    case $1 in
        start | stop | reload | status) "$1" ;;
        restart) stop && start ;;
        *)
            echo "usage: $0 start|stop|restart|reload|status" >&2
            return 2
            ;;
    esac
}
