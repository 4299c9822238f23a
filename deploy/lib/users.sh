# shellcheck shell=bash
# The broker users of a council: the hub's, and one for each system that publishes or reads a queue itself. Sourced after
# say.sh and council.sh. Passwords are random and kept in a file; nobody else's password is ever changed.

# password_of FILE USER: the one kept, or a new one.
password_of() {
    local kept
    kept=$(awk -v user="$2" '$1 == user { print $2; exit }' "$1" 2>/dev/null || true)
    if [[ -z $kept ]]; then
        kept=$(random_word)
        (umask 077 && printf '%s %s\n' "$2" "$kept" >>"$1")
    fi
    printf '%s' "$kept"
}

# users_of COUNCIL PREFIX: lines of user, configure, write, read (tabs between). PREFIX is a regular expression.
users_of() {
    local council=$1 prefix=$2 hub system user
    hub=$(hub_user "$council")
    printf '%s\t^%s\t^%s\t^%s\n' "$hub" "$prefix" "$prefix" "$prefix"
    for system in $(systems "$council"); do
        user=$(system_text "$council" "$system" "" broker_user)
        [[ -z $user ]] || printf '%s\t^$\t^%sin\\.%s$\t^%sto\\.%s$\n' "$user" "$prefix" "$system" "$prefix" "$system"
    done
}

hub_user() {
    local user
    user=$(toml_text "$1/council.toml" broker user)
    printf '%s' "${user:-postroom-hub}"
}

# make_users CTL VHOST PASSWORDS: the users that stdin names. A user who is there with another password is left alone.
make_users() {
    local ctl=$1 vhost=$2 passwords=$3 user configure write read password known
    known=$("$ctl" -q list_users --no-table-headers </dev/null | cut -f 1) || die "$ctl does not tell the broker's users"
    while IFS=$'\t' read -r user configure write read; do
        password=$(password_of "$passwords" "$user")
        if grep -qxF -- "$user" <<<"$known"; then
            "$ctl" -q authenticate_user "$user" <<<"$password" >/dev/null 2>&1 ||
                die "the broker has a user $user with a password that is not in $passwords: write it there, or use another broker"
        else
            "$ctl" -q add_user "$user" <<<"$password" >/dev/null || die "the broker user $user cannot be made"
        fi
        "$ctl" -q set_permissions -p "$vhost" "$user" "$configure" "$write" "$read" </dev/null >/dev/null ||
            die "the broker user $user cannot be given its permissions"
    done
}

# tell_users VHOST PASSWORDS: what somebody must type at the broker where we cannot.
tell_users() {
    local user configure write read
    while IFS=$'\t' read -r user configure write read; do
        printf "  rabbitmqctl add_user %s '%s'\n" "$user" "$(password_of "$2" "$user")"
        printf "  rabbitmqctl set_permissions -p '%s' %s '%s' '%s' '%s'\n" "$1" "$user" "$configure" "$write" "$read"
    done
}

# url_as USER PASSWORD URL: the same broker under another name.
url_as() { sed -E "s|^(amqps?://)([^@/]*@)?|\1$1:$2@|" <<<"$3"; }

# url_host URL, url_port URL, url_vhost URL
url_host() { sed -E 's|^amqps?://([^@/]*@)?||; s|[/?].*||; s|:[0-9]+$||; s|[][]||g' <<<"$1"; }
url_port() {
    local port
    port=$(sed -nE 's|^amqps?://([^@/]*@)?[^/?]*:([0-9]+)([/?].*)?$|\2|p' <<<"$1")
    if [[ -n $port ]]; then echo "$port"; elif [[ $1 == amqps:* ]]; then echo 5671; else echo 5672; fi
}
url_vhost() {
    local vhost
    vhost=$(sed -nE 's|^amqps?://[^/]*/([^?]*).*|\1|p' <<<"$1" | sed 's|%2[fF]|/|g')
    echo "${vhost:-/}"
}
