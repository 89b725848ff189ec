# SPDX-License-Identifier: MIT
# What a daemon finds when it starts: its directories, its devices and its limits. Sourced after service.sh.

# What the firmware says that it measured; daemon-secrets explains a refusal with it.
event_log=/sys/kernel/security/tpm0/binary_bios_measurements

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

# The directories that both daemons meet in, whichever starts first. A user who is missing keeps only his own daemon away; where the disk
# is read-only the daemon says so itself.
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
