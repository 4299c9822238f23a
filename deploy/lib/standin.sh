# shellcheck shell=bash
# Systems of the example council that are not there: started on loopback, ended by pid. Sourced after say.sh, need.sh,
# council.sh, python.sh and webhook.sh. STATE is the folder with their pids and logs.

STANDIN_READY_SECONDS=30

# standins_start STATE COUNCIL DATA: they write what the hub hands over into the folders of their systems.
standins_start() {
    local state=$1 systems=$2/systems data=$3
    need_mail_server
    need_file_server
    standin "$state" benefits "$(port_in "$systems/benefits/system.toml" url)" "$data/benefits/secret" "$data/benefits/out"
    standin "$state" accounts "$(port_in "$systems/accounts/system.toml" url)" "$data/accounts/token" "$data/accounts/in"
    standin "$state" notify "$(port_in "$systems/letters/system.toml" base_url)" "$data/letters/secret" \
        "$(webhook_of "$2" letters)" "$data/letters/callback-token" "$data/letters/out"
    standin "$state" mail "$(sed -n 's/^server = .*port = \([0-9]*\).*/\1/p' "$systems/repairs/system.toml")" "$data/repairs/out"
    standin "$state" files "$(sed -n 's/^port = \([0-9]*\)$/\1/p' "$systems/landcharges/system.toml")" "$data"
}

# port_in FILE KEY: the port of the address that KEY has.
port_in() { sed -n "s|^$2 = \"http://[^\"/]*:\([0-9]*\).*|\1|p" "$1"; }

# webhook_of COUNCIL SYSTEM: where its webhooks are listened for.
webhook_of() { printf 'http://%s%s' "$(system_text "$1" "$2" source.settings listen)" "$(system_text "$1" "$2" source.settings path)"; }

# has_told DATA: whether it was asked for what has changed, up to the last page.
has_told() { [[ -e $1/accounts/in/told ]]; }

# has_called_back DATA: whether it was told what became of every e-mail.
has_called_back() {
    local sent told
    sent=$(grep -cs '"channel": "email"' "$1/letters/out/taken.jsonl") || :
    told=$(grep -cs . "$1/letters/out/called-back.jsonl") || :
    ((${sent:-0} == ${told:-0}))
}

# make_keys DATA: what lets the hub in.
make_keys() {
    local system
    make_secret "$1/accounts/token"
    make_secret "$1/benefits/secret"
    make_secret "$1/letters/callback-token"
    mkdir -p "$1/letters"
    (umask 077 && printf 'example-%s-%s' "$(</proc/sys/kernel/random/uuid)" "$(</proc/sys/kernel/random/uuid)" >"$1/letters/secret")
    for system in gardenwaste landcharges; do # whose files are at a file server
        mkdir -p "$1/$system/in" "$1/$system/out"
        ssh-keygen -q -t ed25519 -N '' -C "$system" -f "$1/$system/key"
    done
}

# standin STATE ARGUMENTS OF standin.py...
standin() {
    local state=$1
    shift
    setsid "$PYTHON" deploy/lib/standin.py "$@" </dev/null >"$state/standin-$1.log" 2>&1 9>&- &
    echo $! >"$state/standin-$1.pid"
    wait_until "$STANDIN_READY_SECONDS" grep -qs '^ready$' "$state/standin-$1.log" || {
        tail -n 3 "$state/standin-$1.log" >&2
        die "the $1 system that stands in did not start"
    }
}

# standins_stop STATE
standins_stop() {
    local file pid
    for file in "$1"/standin-*.pid; do
        [[ -r $file ]] || continue
        pid=$(<"$file")
        if running "$pid" && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q 'standin\.py '; then
            kill -TERM "$pid"
            wait_until 10 gone "$pid" || kill -KILL "$pid"
        fi
        rm -f "$file"
    done
}
