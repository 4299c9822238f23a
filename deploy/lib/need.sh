# shellcheck shell=bash
# Brings what a command needs from Debian's packages, and says what to do where it cannot. Sourced after say.sh.

# as_root COMMAND...: runs it as root, by sudo where we are not.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        return 1
    fi
}

# While packages are installed no service may start: the broker that we start is our own, on its own port.
services_held() {
    as_root sh -c '
        [ -e /usr/sbin/policy-rc.d ] || {
            printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
            trap "rm -f /usr/sbin/policy-rc.d" EXIT
            trap "exit 1" HUP INT TERM
        }
        "$@"' services_held "$@"
}

# install PACKAGE...
install() {
    command -v apt-get >/dev/null || die "install $* first: this machine has no apt-get to do it"
    ((EUID == 0)) || command -v sudo >/dev/null || die "install $* first, as root: apt-get install $*"
    say "installing $*"
    local log
    log=$(mktemp)
    if ! {
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update &&
            services_held env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
    } >"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2
        die "installing $* did not work: the last lines of $log are above"
    fi
    rm -f "$log"
}

# need COMMAND PACKAGE...: the packages are installed when the command is absent.
need() {
    local program=$1
    shift
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || install "$@"
}

# Rust is the one thing that is asked of the reader.
need_rust() {
    local home=${CARGO_HOME:-$HOME/.cargo}
    command -v cargo >/dev/null || PATH=$home/bin:$PATH
    command -v cargo >/dev/null ||
        die "cargo is missing: install Rust as https://rustup.rs says, open a new shell, and start this again"
    need cc gcc libc6-dev
}

need_broker() { need rabbitmq-server rabbitmq-server; }
