# shellcheck shell=bash
# Python for the servers that tests start: from the distribution's packages, and where only PyPI has something, in an
# environment of the tests' own. Sourced after say.sh and need.sh. It never touches a Python that the reader has made.

# The distribution's own, whatever is first in PATH.
PYTHON=/usr/bin/python3
PYTHON_ENV=var/test/python
# What is brought from PyPI: the official client of GOV.UK Notify, by whose code tokens are checked, and what tries an HTTP interface
# by its OpenAPI document.
PYTHON_PACKAGES=(notifications-python-client==13.0.0 schemathesis==4.32.5)

# python_has MODULE...
python_has() { [[ -x $PYTHON ]] && "$PYTHON" -c 'import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]' "$@" 2>/dev/null; }

# A mail server that does what a test tells it to.
need_mail_server() { python_has aiosmtpd || install python3-aiosmtpd; }

# A file server to which accounts of our own making log in, whoever we are.
need_file_server() { python_has asyncssh || install python3-asyncssh; }

# The environment with PYTHON_PACKAGES, made once, and anew when the list changes. Sets and exports POSTROOM_TEST_PYTHON.
need_python_env() {
    local dir=$PWD/$PYTHON_ENV log
    export POSTROOM_TEST_PYTHON=$dir/bin/python
    [[ $(cat "$dir/complete" 2>/dev/null) != "${PYTHON_PACKAGES[*]}" ]] || ! "$POSTROOM_TEST_PYTHON" -c '' 2>/dev/null || return 0
    python_has ensurepip venv || install python3-venv
    say "bringing ${PYTHON_PACKAGES[*]} from PyPI into $dir, once"
    log=$(mktemp)
    if ! {
        rm -rf "$dir" && mkdir -p "${dir%/*}" && "$PYTHON" -m venv "$dir" &&
            "$dir/bin/pip" install --disable-pip-version-check --no-input "${PYTHON_PACKAGES[@]}"
    } >"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2
        die "bringing ${PYTHON_PACKAGES[*]} did not work: the last lines of $log are above"
    fi
    rm -f "$log"
    echo "${PYTHON_PACKAGES[*]}" >"$dir/complete"
}
