# shellcheck shell=bash
# A private RabbitMQ node in a folder: on loopback, on free ports, with its own cookie, epmd, data and log. Sourced
# after say.sh. It never touches the node that the machine may run as a service. Ports are kept in the folder.

RABBITMQ_START_SECONDS=90
RABBITMQ_STOP_SECONDS=60
# Where the programs are; suite.sh says another folder for another generation.
RABBITMQ_DISTRIBUTION=/usr/lib/rabbitmq/bin
RABBITMQ_PROGRAMS=$RABBITMQ_DISTRIBUTION
# The node's name, and the port of an epmd that it shares with others; a node alone has one of its own.
RABBITMQ_NODE=postroom
RABBITMQ_EPMD=
rabbitmq_conf=${BASH_SOURCE[0]%/*}/../rabbitmq/node.conf

# rabbitmq_start DIR: a node that runs there already is used again. Sets RABBITMQ_URL (guest's) and RABBITMQ_PORT.
rabbitmq_start() {
    local dir
    mkdir -p "$1" || die "the broker's folder $1 cannot be made"
    dir=$(cd "$1" && pwd)
    if ! rabbitmq_running "$dir"; then
        rabbitmq_choose_ports "$dir"
        rabbitmq_write "$dir"
        rabbitmq_launch "$dir"
    fi
    # shellcheck disable=SC1091
    . "$dir/ports"
    # shellcheck disable=SC2034
    RABBITMQ_URL=amqp://guest:guest@127.0.0.1:$RABBITMQ_PORT/%2f
}

# rabbitmq_ctl DIR ARGUMENT...: rabbitmqctl against the node there.
rabbitmq_ctl() {
    local dir=$1
    shift
    "$dir/ctl" -q "$@"
}

# rabbitmq_stop DIR: ends the node and its epmd; what it stored stays.
rabbitmq_stop() {
    local dir=$1 pid
    [[ -x $dir/as ]] || return 0
    if rabbitmq_running "$dir"; then
        pid=$(<"$dir/pid")
        kill -TERM "$pid"
        wait_until "$RABBITMQ_STOP_SECONDS" gone "$pid" || kill -KILL "$pid"
        wait_until 5 gone "$pid" || say "the broker's process $pid does not end"
    fi
    "$dir/as" epmd -kill >/dev/null 2>&1 || true
}

# rabbitmq_empty DIR: forgets every queue, message and user of a node that does not run.
rabbitmq_empty() {
    rm -rf "$1/mnesia" "$1/log"
}

# Whether the process in DIR/pid is the node whose home is there, and not a later process with that number.
rabbitmq_running() {
    local dir pid
    dir=$(cd "$1" 2>/dev/null && pwd) || return 1
    [[ -r $dir/pid && -r $dir/ports ]] || return 1
    pid=$(<"$dir/pid")
    running "$pid" && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "-home $dir/home "
}

port_taken() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port that nobody listens on, below the range from which the system hands out its own.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        port_taken "$port" || {
            echo "$port"
            return
        }
    done
    die "no free port was found on 127.0.0.1"
}

# The ports of last time, unless another program has taken one since.
rabbitmq_choose_ports() {
    local dir=$1 port kept=no
    if [[ -r $dir/ports ]]; then
        # shellcheck disable=SC1091
        . "$dir/ports"
        "$dir/as" epmd -kill >/dev/null 2>&1 || true
        kept=yes
        for port in "$RABBITMQ_PORT" "$RABBITMQ_DIST_PORT" "$ERL_EPMD_PORT"; do
            [[ $port == "$RABBITMQ_EPMD" ]] || ! port_taken "$port" || kept=no
        done
        [[ -z $RABBITMQ_EPMD || $ERL_EPMD_PORT == "$RABBITMQ_EPMD" ]] || kept=no
    fi
    [[ $kept == yes ]] || printf '%s=%s\n' \
        RABBITMQ_PORT "$(free_port)" RABBITMQ_DIST_PORT "$(free_port)" \
        ERL_EPMD_PORT "${RABBITMQ_EPMD:-$(free_port)}" >"$dir/ports"
}

# As root the node runs as the package's user, where there is one that can reach the folder.
rabbitmq_user() {
    local dir=$1
    ((EUID == 0)) && [[ $RABBITMQ_PROGRAMS == "$RABBITMQ_DISTRIBUTION" ]] && chown -R rabbitmq: "$dir" &&
        setpriv --reuid rabbitmq --regid rabbitmq --init-groups test -w "$dir" -a -x "$dir" &&
        echo "setpriv --reuid rabbitmq --regid rabbitmq --init-groups"
}

# Writes the node's files: its configuration, `as` (a command in the node's environment) and `ctl` (rabbitmqctl).
rabbitmq_write() {
    local dir=$1 user
    # shellcheck disable=SC1091
    . "$dir/ports"
    mkdir -p "$dir/mnesia" "$dir/log" "$dir/home"
    {
        cat "$rabbitmq_conf"
        printf 'listeners.tcp.1 = 127.0.0.1:%s\n' "$RABBITMQ_PORT"
        # What a member of a cluster has beside it.
        [[ ! -r $dir/member.conf ]] || cat "$dir/member.conf"
    } >"$dir/rabbitmq.conf"
    echo '[].' >"$dir/plugins"
    : >"$dir/env"
    user=$(rabbitmq_user "$dir" || true)
    cat >"$dir/as" <<AS
#!/bin/sh
# A command in the environment of the broker in this folder.
cd / || exit 1
d=$(printf %q "$dir")
exec env -i PATH=$(printf %q "$RABBITMQ_PROGRAMS"):/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME="\$d/home" \\
    ERL_EPMD_PORT=$ERL_EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1 \\
    RABBITMQ_NODENAME=$RABBITMQ_NODE@127.0.0.1 RABBITMQ_USE_LONGNAME=true RABBITMQ_DIST_PORT=$RABBITMQ_DIST_PORT \\
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \\
    RABBITMQ_CTL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \\
    RABBITMQ_CONF_ENV_FILE="\$d/env" RABBITMQ_CONFIG_FILE="\$d/rabbitmq.conf" \\
    RABBITMQ_ENABLED_PLUGINS_FILE="\$d/plugins" RABBITMQ_MNESIA_BASE="\$d/mnesia" \\
    RABBITMQ_LOG_BASE="\$d/log" RABBITMQ_PID_FILE="\$d/pid" \\
    $user "\$@"
AS
    cat >"$dir/ctl" <<CTL
#!/bin/sh
# rabbitmqctl against the broker in this folder.
exec $(printf %q "$dir/as") $(printf %q "$RABBITMQ_PROGRAMS/rabbitmqctl") "\$@"
CTL
    chmod 755 "$dir/as" "$dir/ctl"
    # The cookie is chosen here, so that the first command need not wait for the node to write one.
    [[ -s $dir/home/.erlang.cookie ]] || (umask 077 && random_word >"$dir/home/.erlang.cookie")
    [[ -z $user ]] || chown -R rabbitmq: "$dir"
    chmod 400 "$dir/home/.erlang.cookie"
}

# Thirty-two characters that nobody guesses.
random_word() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# In a session of its own, so that Ctrl-C reaches the command and not the broker under it.
rabbitmq_launch() {
    local dir=$1
    rm -f "$dir/pid"
    setsid "$dir/as" "$RABBITMQ_PROGRAMS/rabbitmq-server" </dev/null >"$dir/out" 2>&1 9>&- &
    wait_until "$RABBITMQ_START_SECONDS" rabbitmq_ready "$dir" "$!" || {
        tail -n 15 "$dir/out" >&2
        die "the broker in $dir did not start: the end of $dir/out is above, its log is in $dir/log"
    }
}

# Ready, or ended before it was.
rabbitmq_ready() {
    local dir=$1 launcher=$2
    running "$launcher" || {
        tail -n 15 "$dir/out" >&2
        die "the broker in $dir ended as it started: the end of $dir/out is above, its log is in $dir/log"
    }
    [[ -s $dir/pid ]] && rabbitmq_ctl "$dir" await_startup --timeout "$RABBITMQ_START_SECONDS" >/dev/null 2>&1
}
