# shellcheck shell=bash
# MariaDB from the distribution's package, for tests that start servers of their own. Sourced after say.sh and need.sh.

# Installs it where it is absent; no server of the machine's is started.
need_mariadb() { need mariadbd mariadb-server; }
