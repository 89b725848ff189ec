# SPDX-License-Identifier: MIT
# What System V init, busybox init and runit share. Sourced by scripts of root after `service` is set to open-sesame-profile or
# open-sesame-secrets. They need a POSIX shell with `local` and the programs of any busybox.

daemon=daemon-${service#open-sesame-}
user=pds-${service#open-sesame-}
settings=${settings_directory:-/etc/default}/$service
# shellcheck source=/dev/null
[ ! -r "$settings" ] || . "$settings"

: "${state_directory:=/var/lib/pds}"
: "${runtime_directory:=/run/pds}"
: "${service_directory:=/run/open-sesame}"
: "${program_directory:=/usr/lib/open-sesame}"
: "${library:=$program_directory/supervision}"
: "${cgroup_directory:=/sys/fs/cgroup}"
: "${log_directory:=$service_directory/log}"
: "${log_limit_kib:=64}"
: "${locked_memory_kib:=8192}"
: "${memory_low:=48M}"
: "${ready_timeout:=30}"
: "${hung_after:=12}"
: "${respawn_delay:=1}"
: "${respawn_max:=5}"
: "${respawn_period:=60}"
case $service in
    open-sesame-profile) : "${memory_max:=32M}" ;;
    *) : "${memory_max:=64M}" "${tpm_device:=/dev/tpmrm0}" ;;
esac

program=$program_directory/bin/$daemon
pid_file=$service_directory/$service.pid
heartbeat=$service_directory/$service.alive
ends=$service_directory/$service.ends
failed=$service_directory/$service.failed
error_log=$log_directory/${log_file:-$daemon.log}
# What the firmware says that it measured; daemon-secrets explains a refusal with it.
event_log=/sys/kernel/security/tpm0/binary_bios_measurements

complain() {
    echo "$daemon: $1" >&2
}

has_user() {
    id -u "$1" > /dev/null 2>&1
}

# Everything that has to be there before the daemon is. Fails when it could not start anyway, and says why.
prepare() {
    require_user && prepare_directories || return 1
    : > "$heartbeat" && chown "$user:pds" "$heartbeat" && chmod 0640 "$heartbeat" || return 1
    rm -f "$failed"
    # Without udev the TPM is root's. daemon-secrets is the only one that uses it.
    if [ -c "${tpm_device-}" ]; then chown "$user" "$tpm_device"; fi
    if [ -n "${tpm_device-}" ] && [ -e "$event_log" ]; then chown "$user" "$event_log"; fi
    cache_node
}

require_user() {
    has_user "$user" && return
    complain "there is no user $user: the image has to have it, in the group pds"
    return 1
}

# This runs as root inside directories of the daemons, which could put a link there: nothing here follows one. `mkdir -m` gives the
# mode, because chmod would follow.
make_directory() { # mode owner path
    if [ -L "$3" ]; then
        complain "$3 is a symbolic link, and where it points is not ours to change: remove it"
        return 1
    fi
    [ -d "$3" ] || mkdir -p -m "$1" "$3" || return 1
    chown -h "$2" "$3"
}

# The directories that both daemons meet in, whichever starts first; those of a user who is missing keep only his daemon away. Where the disk is read-only the daemon says so itself.
prepare_directories() {
    make_directory 0755 root "$service_directory" &&
        make_directory 0755 root "$log_directory" &&
        make_directory 0755 pds-profile:pds "$runtime_directory" || return 1
    if has_user pds-secrets; then make_directory 0750 pds-secrets:pds "$runtime_directory/keys" || return 1; fi
    [ -d "$state_directory/vaults" ] || ! has_user pds-secrets ||
        { make_directory 0750 pds-profile:pds "$state_directory" && make_directory 0700 pds-secrets:pds "$state_directory/vaults"; } ||
        complain "$state_directory is not as it should be"
    # It may be a mount point, with the mode of another file system.
    [ -L "$state_directory" ] || chmod 0750 "$state_directory" 2> /dev/null
    return 0
}

# Node's pages are on the account of whoever reads them first, so they are read before a daemon is started and on an account that stays.
cache_node() {
    local done=$service_directory/node-cache.read
    hold "$service_directory/node-cache.lock"
    [ -e "$done" ] || (
        enter_group open-sesame.node-cache memory.low "$memory_low"
        for file in "$program_directory"/lib/node "$program_directory"/lib/*.cjs "$program_directory"/lib/native/* \
            /lib/libc.so.6 /lib/*/libc.so.6 /usr/lib/libstdc++.so.6 /usr/lib/*/libstdc++.so.6; do
            [ ! -e "$file" ] || cat "$file" > /dev/null
        done
        : > "$done"
    )
    rm -f "$service_directory/node-cache.lock"
}

# Waits for a lock, a link that holds the pid of whoever has it; one of a process that is gone does not count. Not every busybox has
# flock(1).
hold() { # path
    until ln -sn $$ "$1" 2> /dev/null; do
        kill -0 "$(readlink "$1")" 2> /dev/null || rm -f "$1"
        sleep 0.2
    done
}

# Moves this shell to a control group, made with a limit; what it starts stays in there.
enter_group() { # name file value
    local group=$cgroup_directory/$1
    [ -e "$cgroup_directory/cgroup.controllers" ] &&
        { echo +memory > "$cgroup_directory/cgroup.subtree_control"; } 2> /dev/null &&
        mkdir -p "$group" 2> /dev/null &&
        { echo "$3" > "$group/$2"; } 2> /dev/null &&
        echo 0 > "$group/cgroup.procs"
}

limit_memory() {
    if ! enter_group "open-sesame.$daemon" memory.max "$memory_max"; then
        complain "it runs without its memory limit: cgroup2 must be mounted for writing on $cgroup_directory, with CONFIG_MEMCG=y in the kernel"
        return
    fi
    group=$cgroup_directory/open-sesame.$daemon
    [ ! -e "$group/memory.swap.max" ] || echo 0 > "$group/memory.swap.max"
}

# What this shell becomes has these limits and knows its directories.
enter_limits() {
    limit_memory
    ulimit -c 0
    ulimit -l "$locked_memory_kib"
    export PDS_HEARTBEAT_FILE="$heartbeat" PDS_STATE_DIR="$state_directory" PDS_RUNTIME_DIR="$runtime_directory"
}

# Its process, when there is one: a number that was given to another process does not count.
running_pid() {
    local pid words
    read -r pid < "$pid_file" || return 1
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    words=$(tr '\0' ' ' < "/proc/$pid/cmdline") || return 1
    case $words in *"$daemon"*) echo "$pid" ;; *) return 1 ;; esac
} 2> /dev/null

uptime_seconds() {
    local now
    read -r now _ < /proc/uptime
    echo "${now%%.*}"
}

# Notes an end that nobody asked for; true when there were more than respawn_max of them in respawn_period seconds.
ended_too_often() {
    local now earlier recent count=1 end
    now=$(uptime_seconds)
    recent=$now
    earlier=$(cat "$ends" 2> /dev/null)
    for end in $earlier; do
        [ $((now - end)) -lt "$respawn_period" ] || continue
        recent="$recent $end"
        count=$((count + 1))
    done
    echo "$recent" > "$ends"
    [ "$count" -gt "$respawn_max" ]
}

# A crash loop must end with a word about it on the console and not with silence.
give_up() { # command that starts it again
    rm -f "$ends"
    echo "it ended too often" > "$failed"
    announce "$daemon ended too often and is not started again; when the cause is removed: $1"
    announce "its last words: $(last_words)"
}

last_words() {
    local words
    words=$(grep -v -e "^$service: " -e '^Node\.js v' -e '^    at ' -e '^$' "$error_log" 2> /dev/null | tail -n 1)
    printf '%s' "${words:-it left no message}"
}

announce() {
    printf '%s: %s\n' "$service" "$1" > /dev/console
    printf '%s: %s\n' "$service" "$1" >> "$error_log"
    logger -t "$service" -p daemon.err "$1"
} 2> /dev/null

# A daemon whose event loop does not turn does not act on SIGTERM either. A device that wakes up from sleep finds old heartbeats: a
# second look decides.
kill_hung() {
    local reason
    "$library/health" "$service" > /dev/null 2>&1
    [ $? -eq 1 ] || return 0
    sleep "${second_look:-6}"
    reason=$("$library/health" "$service" 2>&1)
    [ $? -eq 1 ] || return 0
    announce "$reason: it hangs and is started again"
    kill -KILL "$(running_pid)"
}
