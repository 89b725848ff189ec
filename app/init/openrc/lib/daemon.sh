# SPDX-License-Identifier: MIT
# What the services of both daemons share. Sourced by OpenRC's shell after the service has set `daemon` and `command_user`.
# Works with OpenRC 0.45 and newer; what later versions do better is named where it is worked around.

: "${program_directory:=/usr/lib/open-sesame}"
: "${state_directory:=/var/lib/pds}"
: "${runtime_directory:=/run/pds}"
: "${service_directory:=/run/open-sesame}"
: "${log_directory:=$service_directory/log}"
: "${log_limit_kib:=64}"
: "${ready_timeout:=30}"
: "${hung_after:=12}"

supervisor=supervise-daemon
command=$program_directory/bin/$daemon
directory=/
: "${respawn_delay:=1}"
: "${respawn_max:=5}"
: "${respawn_period:=60}"
: "${healthcheck_delay:=30}"
: "${healthcheck_timer:=10}"
# A daemon ends by itself within 5 s of SIGTERM.
: "${retry:=TERM/6/KILL/4}"
# OpenRC 0.45 gives supervise-daemon --no_new_privs, which it does not know.
supervise_daemon_args="--no-new-privs${supervise_daemon_args:+ $supervise_daemon_args}"

heartbeat=$service_directory/$RC_SVCNAME.alive
supervision=$service_directory/$RC_SVCNAME.supervised
error_log=$log_directory/$daemon.log
# What the firmware says that it measured; daemon-secrets explains a refusal with it.
event_log=/sys/kernel/security/tpm0/binary_bios_measurements

export PDS_HEARTBEAT_FILE=$heartbeat PDS_STATE_DIR=$state_directory PDS_RUNTIME_DIR=$runtime_directory

extra_started_commands="reload"
description_reload="Reads the configuration again"

# The directories that both daemons meet in, whichever starts first. Where the disk is read-only the daemon says so itself. As few
# calls as can be: every boot waits for them.
prepare_directories() {
    checkpath -q -d -m 0755 "$service_directory" "$log_directory"
    checkpath -q -d -m 0755 -o pds-profile:pds "$runtime_directory"
    checkpath -q -d -m 0750 -o pds-secrets:pds "$runtime_directory/keys"
    [ -d "$state_directory/vaults" ] && return
    checkpath -q -d -m 0750 -o pds-profile:pds "$state_directory" &&
        checkpath -q -d -m 0700 -o pds-secrets:pds "$state_directory/vaults"
}

start_pre() {
    prepare_directories
    # Without a heartbeat of its own a daemon would run and never be ready: where its user does not exist it is not started.
    checkpath -q -F -m 0644 -o "$command_user" "$heartbeat" || return 1
    checkpath -q -f -m 0640 -o "$command_user" "$error_log" || return 1
    [ -s "$error_log" ] && trim_log
    # Without udev the TPM is root's. daemon-secrets is the only one that uses it.
    if [ -c "${tpm_device-}" ]; then chown "${command_user%%:*}" "$tpm_device"; fi
    if [ -n "${tpm_device-}" ] && [ -e "$event_log" ]; then chown "${command_user%%:*}" "$event_log"; fi
    require_limits
    [ -p "$supervision" ] || mkfifo -m 0600 "$supervision"
}

# OpenRC says nothing when a limit cannot be set.
require_limits() {
    local group
    for group in "/sys/fs/cgroup/$RC_SVCNAME" "/sys/fs/cgroup/openrc.$RC_SVCNAME"; do
        [ -e "$group/memory.max" ] && return 0
    done
    ewarn "$RC_SVCNAME runs without its memory limit: no memory controller; CONFIG_MEMCG=y and rc_cgroup_mode=unified bring it"
    return 0
}

# The supervisor inherits the writing end of a pipe; when it ends, for whatever reason, the pipe does, and the watcher wakes up.
start() {
    local failed
    exec 9<> "$supervision"
    default_start
    failed=$?
    [ $failed -eq 0 ] && (exec 8< "$supervision" 9>&-; watch_supervisor) < /dev/null > /dev/null 2>&1 &
    exec 9>&-
    return $failed
}

# Others that need this service are started when the daemon answers. The daemon writes the heartbeat when it is ready.
start_post() {
    local waited=0
    while [ $waited -lt $((ready_timeout * 5)) ]; do
        [ -s "$heartbeat" ] && return 0
        given_up && break
        sleep 0.2
        waited=$((waited + 1))
    done
    # When the supervisor has given up, its watcher says why.
    given_up && return 1
    supervise_stop > /dev/null
    eerror "$RC_SVCNAME did not get ready: $(last_words)"
    eerror "when the cause is removed: rc-service $RC_SVCNAME start"
    return 1
}

stop_post() {
    rm -f "$heartbeat" "$supervision"
}

reload() {
    ebegin "Reloading $RC_SVCNAME"
    supervise-daemon "$RC_SVCNAME" --signal HUP
    eend $?
}

# A daemon whose event loop does not turn does not act on SIGTERM either, so it is killed at once; its supervisor starts it again.
# The answer is always "healthy": otherwise the supervisor would first spend its whole stop schedule on a process that is dead.
healthcheck() {
    trim_log
    [ "$(silent_for)" -le "$hung_after" ] && return 0
    # A device that wakes up from sleep finds old heartbeats: a second look decides.
    sleep 6
    local silent
    silent=$(silent_for)
    [ "$silent" -le "$hung_after" ] && return 0
    announce "$daemon has been silent for $silent s: it hangs and is started again"
    kill -KILL "$(service_get_value child_pid)"
    return 0
}

# Seconds since the last heartbeat by the clock of the boot: the wall clock may jump. Before the first one of this process: 0.
silent_for() {
    local now beat pid rest
    read -r beat pid < "$heartbeat" 2> /dev/null
    read -r now rest < /proc/uptime
    beat=${beat%.*}
    # The daemon writes it and this runs as root: in arithmetic, bash would run commands that stand in it.
    case $beat in
        '' | *[!0-9]*) pid= ;;
    esac
    if [ -n "$pid" ] && [ "$pid" = "$(service_get_value child_pid)" ]; then
        echo $((${now%.*} - beat))
    else
        echo 0
    fi
}

# Runs beside the supervisor. A crash loop must end with a word about it on the console and not with silence.
watch_supervisor() {
    read -r _ <&8
    # Stopped and started anew there is another pipe, and what became of that start is not for this watcher to say.
    [ /proc/self/fd/8 -ef "$supervision" ] && given_up || return
    announce "$daemon ended too often and is not started again; when the cause is removed: rc-service $RC_SVCNAME start"
    announce "its last words: $(last_words)"
}

given_up() {
    [ -e "$RC_SVCDIR/failed/$RC_SVCNAME" ]
}

last_words() {
    local words
    words=$(grep -v "^$RC_SVCNAME: " "$error_log" 2> /dev/null | tail -n 1)
    printf '%s' "${words:-it left no message}"
}

announce() {
    printf '%s: %s\n' "$RC_SVCNAME" "$1" > /dev/console
    printf '%s: %s\n' "$RC_SVCNAME" "$1" >> "$error_log"
    logger -t "$RC_SVCNAME" -p daemon.err "$1" 2> /dev/null
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
