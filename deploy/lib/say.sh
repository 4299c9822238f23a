# shellcheck shell=bash
# What the commands of this folder say. Sourced; knows nothing of brokers or hubs.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# Ends the command with one sentence.
die() {
    say "$*"
    exit 1
}

# wait_until SECONDS COMMAND...: asks five times a second; fails when the time is up.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

# running PID: whether that process is alive (a zombie is not).
running() {
    [[ $1 =~ ^[0-9]+$ && -r /proc/$1/stat ]] && [[ $(<"/proc/$1/stat") != *') Z '* ]]
}
gone() { ! running "$1"; }
