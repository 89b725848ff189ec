# SPDX-License-Identifier: MIT
# Settings and places of a service under System V init, busybox init and runit. Sourced by scripts of root after `service` is set to
# open-sesame-profile or open-sesame-secrets. They need a POSIX shell with `local` and the programs of any busybox.

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

complain() {
    echo "$daemon: $1" >&2
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
