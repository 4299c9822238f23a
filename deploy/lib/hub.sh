# shellcheck shell=bash
# Starting and stopping the hub for a demonstration. Sourced after say.sh. STATE is the folder with hub.pid and hub.log.

HUB_READY_SECONDS=90
HUB_STOP_SECONDS=60

# hub_start STATE POSTROOM: the environment says which council, data and broker.
hub_start() {
    local state=$1 postroom=$2
    setsid "$postroom" run </dev/null >"$state/hub.log" 2>&1 9>&- &
    echo $! >"$state/hub.pid"
    wait_until "$HUB_READY_SECONDS" hub_settled "$state" ||
        hub_failed "$state" "the hub was not ready after $HUB_READY_SECONDS seconds"
    running "$(<"$state/hub.pid")" || hub_failed "$state" "the hub ended as it started"
}

# Our own child is known by its number alone: until it has become a hub it still looks like this command.
hub_settled() { grep -qs 'hub\.ready' "$1/hub.log" || ! running "$(<"$1/hub.pid")"; }

# Whether the process in hub.pid is a hub, and not a later process with that number.
hub_running() {
    local pid
    [[ -r $1/hub.pid ]] || return 1
    pid=$(<"$1/hub.pid")
    running "$pid" && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q 'postroom.* run '
}

# hub_stop STATE: cleanly, as an operator would.
hub_stop() {
    local state=$1 pid
    if hub_running "$state"; then
        pid=$(<"$state/hub.pid")
        kill -TERM "$pid"
        wait_until "$HUB_STOP_SECONDS" gone "$pid" || {
            say "the hub did not stop within $HUB_STOP_SECONDS seconds of SIGTERM and is killed"
            kill -KILL "$pid"
        }
    fi
    rm -f "$state/hub.pid"
}

# hub_failed STATE WORDS: ends the command with the end of the hub's log.
hub_failed() {
    say "the end of $1/hub.log:"
    tail -n 15 "$1/hub.log" >&2
    die "$2"
}

# hub_write_env STATE: so that a reader can ask the same hub.
hub_write_env() {
    local name
    (
        umask 077
        for name in POSTROOM_COUNCIL POSTROOM_DATA POSTROOM_PREFIX POSTROOM_LEDGER_URL AMQP_URL; do
            [[ -z ${!name:-} ]] || printf 'export %s=%q\n' "$name" "${!name}"
        done >"$1/env"
    )
}

# fresh_data FOLDER: empty, if it is one that we made; anybody else's is left alone.
fresh_data() {
    local mark=$1/.made-by-deploy-demo
    if [[ -e $1 && ! -e $mark && -n $(ls -A "$1" 2>/dev/null) ]]; then
        die "$1 holds files that this command did not make: name an empty folder with --data"
    fi
    rm -rf "$1"
    mkdir -p "$1" || die "the folder $1 cannot be made"
    : >"$mark"
}
