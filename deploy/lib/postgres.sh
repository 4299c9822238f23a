# shellcheck shell=bash
# PostgreSQL from the distribution's package, for tests that start clusters of their own and for a ledger that several
# hubs share. Sourced after say.sh, need.sh and rabbitmq.sh.

# postgres_programs: the folder of its server's programs (initdb, pg_ctl, postgres), the newest where there are several.
postgres_programs() {
    local newest
    newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort --version-sort | tail -n 1)
    [[ -x $newest ]] && echo "${newest%/*}"
}

# Installs it where it is absent, without the cluster that the package would make for the machine. Sets and exports
# POSTROOM_TEST_POSTGRES, the folder of its programs.
need_postgres() {
    if ! postgres_programs >/dev/null; then
        need pg_createcluster postgresql-common
        as_root sed -i 's/^#* *create_main_cluster *=.*/create_main_cluster = false/' \
            /etc/postgresql-common/createcluster.conf
        install postgresql
    fi
    POSTROOM_TEST_POSTGRES=$(postgres_programs) || die "PostgreSQL is there, but its programs are not under /usr/lib/postgresql"
    export POSTROOM_TEST_POSTGRES
}

POSTGRES_START_SECONDS=60

# As root the server runs as the package's user: it refuses to run as root.
postgres_as() {
    if ((EUID == 0)); then
        (cd / && setpriv --reuid postgres --regid postgres --init-groups "$@")
    else
        "$@"
    fi
}

# postgres_start FOLDER: a server of its own there, on loopback, with the database `ledger`. Sets POSTGRES_URL.
postgres_start() {
    local dir=$PWD/$1 programs port password
    need_postgres
    programs=$POSTROOM_TEST_POSTGRES
    mkdir -p "$dir"
    ((EUID != 0)) || chown postgres: "$dir"
    postgres_as test -w "$dir" -a -x "$dir" || die "the user postgres cannot reach $dir"
    [[ -s $dir/password ]] || (umask 077 && random_word >"$dir/password")
    [[ -s $dir/port ]] || free_port >"$dir/port"
    ((EUID != 0)) || chown postgres: "$dir/password"
    port=$(<"$dir/port") password=$(<"$dir/password")
    if [[ ! -s $dir/data/PG_VERSION ]]; then
        postgres_as "$programs/initdb" --username=postroom --auth=scram-sha-256 --pwfile="$dir/password" \
            --encoding=UTF8 -D "$dir/data" >"$dir/initdb.log" 2>&1 || die "initdb did not work: see $dir/initdb.log"
    fi
    if ! postgres_running "$1"; then
        postgres_as "$programs/pg_ctl" start --silent --wait --timeout="$POSTGRES_START_SECONDS" -D "$dir/data" \
            -l "$dir/data/server.log" -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=''" \
            </dev/null >/dev/null 2>&1 9>&- || die "PostgreSQL did not start: see $dir/data/server.log"
    fi
    PGPASSWORD=$password "$programs/createdb" -h 127.0.0.1 -p "$port" -U postroom ledger 2>/dev/null || true
    export POSTGRES_URL=postgres://postroom:$password@127.0.0.1:$port/ledger
}

# postgres_running FOLDER
postgres_running() {
    local programs
    programs=$(postgres_programs) || return 1
    [[ -d $PWD/$1/data ]] && postgres_as "$programs/pg_ctl" status -D "$PWD/$1/data" >/dev/null 2>&1
}

# postgres_stop FOLDER: what is stored stays.
postgres_stop() {
    local programs
    postgres_running "$1" || return 0
    programs=$(postgres_programs)
    postgres_as "$programs/pg_ctl" stop --silent --mode=fast -D "$PWD/$1/data" >/dev/null
}
