# SPDX-License-Identifier: MIT
# What is done about a daemon that ended or hangs. Sourced after service.sh.

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
