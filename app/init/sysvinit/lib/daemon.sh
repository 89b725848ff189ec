# SPDX-License-Identifier: MIT
# What the scripts of both daemons share. Sourced after `daemon`, `user`, `memory_max` and `locked_memory_kib` are set.
# There is no supervisor: a daemon that ends stays away until somebody starts it. OpenRC and systemd do better.

: "${state_directory:=/var/lib/pds}"
: "${runtime_directory:=/run/pds}"
: "${service_directory:=/run/open-sesame}"
: "${ready_timeout:=30}"

program=/usr/lib/open-sesame/bin/$daemon
pid_file=$service_directory/$daemon.pid
heartbeat=$service_directory/$daemon.alive
error_log=$service_directory/$daemon.log
control_group=/sys/fs/cgroup/open-sesame.$daemon

# This runs as root inside directories of the daemons, which could put a link there: nothing here follows one. `mkdir -m` gives the
# mode, because chmod would follow.
make_directory() { # mode owner path
    if [ -L "$3" ]; then
        echo "$3 is a symbolic link, and where it points is not ours to change: remove it" >&2
        return 1
    fi
    [ -d "$3" ] || mkdir -p -m "$1" "$3" || return 1
    chown -h "$2" "$3"
}

# The directories that both daemons meet in, whichever starts first. Where the disk is read-only the daemon says so itself.
prepare_directories() {
    make_directory 0755 root "$service_directory" &&
        make_directory 0755 pds-profile:pds "$runtime_directory" &&
        make_directory 0750 pds-secrets:pds "$runtime_directory/keys" || return 1
    [ -d "$state_directory/vaults" ] ||
        { make_directory 0750 pds-profile:pds "$state_directory" && make_directory 0700 pds-secrets:pds "$state_directory/vaults"; } ||
        echo "$state_directory is not as it should be" >&2
    # It may be a mount point, with the mode of another file system.
    [ -L "$state_directory" ] || chmod 0750 "$state_directory"
}

# Moves this shell to a control group with the memory limit; what it starts stays in there.
limit_memory() {
    if [ ! -e /sys/fs/cgroup/cgroup.controllers ] ||
        ! echo +memory 2> /dev/null > /sys/fs/cgroup/cgroup.subtree_control ||
        ! mkdir -p "$control_group" || ! echo "$memory_max" > "$control_group/memory.max"; then
        echo "$daemon runs without its memory limit: mount cgroup2 on /sys/fs/cgroup, with CONFIG_MEMCG=y in the kernel" >&2
        return
    fi
    [ ! -e "$control_group/memory.swap.max" ] || echo 0 > "$control_group/memory.swap.max"
    echo 0 > "$control_group/cgroup.procs"
}

start() {
    running && echo "$daemon runs already" && return 0
    prepare_directories || return 1
    for file in "$heartbeat" "$error_log"; do
        : > "$file" && chown "$user:pds" "$file" && chmod 0640 "$file"
    done
    (
        limit_memory
        ulimit -l "$locked_memory_kib"
        ulimit -c 0
        export PDS_HEARTBEAT_FILE="$heartbeat" PDS_STATE_DIR="$state_directory" PDS_RUNTIME_DIR="$runtime_directory"
        # start-stop-daemon closes standard error when it goes to the background, so the file is opened behind it.
        start-stop-daemon -S -b -m -p "$pid_file" -c "$user:pds" -x /bin/sh -- -c "exec '$program' 2>> '$error_log'"
    ) || return 1
    await_ready
}

# The daemon writes the heartbeat when it answers.
await_ready() {
    waited=0
    while [ $waited -lt "$ready_timeout" ]; do
        [ -s "$heartbeat" ] && echo "$daemon started" && return 0
        sleep 1
        running || break
        waited=$((waited + 1))
    done
    echo "$daemon did not get ready: $(tail -n 1 "$error_log")" >&2
    return 1
}

running() {
    [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2> /dev/null
}

stop() {
    running || return 0
    kill -TERM "$(cat "$pid_file")"
    waited=0
    while running && [ $waited -lt 10 ]; do
        sleep 1
        waited=$((waited + 1))
    done
    ! running || kill -KILL "$(cat "$pid_file")"
    rm -f "$pid_file" "$heartbeat"
}

case $1 in
    start) start ;;
    stop) stop ;;
    restart) stop && start ;;
    reload) running && kill -HUP "$(cat "$pid_file")" ;;
    status)
        if running; then echo "$daemon runs"; else echo "$daemon does not run" && exit 3; fi
        ;;
    *)
        echo "usage: $0 start|stop|restart|reload|status" >&2
        exit 2
        ;;
esac
