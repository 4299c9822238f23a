# shellcheck shell=bash
# PostgreSQL from the distribution's package, for tests that start clusters of their own. Sourced after say.sh and need.sh.

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
