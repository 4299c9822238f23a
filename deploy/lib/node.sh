# shellcheck shell=bash
# Node.js for what tests ask of npm, from the distribution's packages; what npm has is pinned by npm/package-lock.json and
# brought into a folder of the tests' own. Sourced after say.sh and need.sh. It never touches a Node.js project that the reader has made.

NODE_ENV_DIR=var/test/node
# The list of what is brought, with the digest of each file.
NODE_PINNED=deploy/lib/npm

# The packages of NODE_PINNED, made once, and anew when the list changes. Sets and exports POSTROOM_TEST_NODE, the folder.
need_node_env() {
    local dir=$PWD/$NODE_ENV_DIR log pinned
    export POSTROOM_TEST_NODE=$dir/node_modules
    need node nodejs
    pinned=$(sha256sum <"$NODE_PINNED/package-lock.json")
    [[ $(cat "$dir/complete" 2>/dev/null) != "$pinned" ]] || return 0
    need npm npm
    say "bringing what $NODE_PINNED/package.json lists from npm into $dir, once"
    log=$(mktemp)
    if ! {
        rm -rf "$dir" && mkdir -p "$dir" && cp "$NODE_PINNED"/package*.json "$dir" &&
            npm ci --prefix "$dir" --ignore-scripts --no-audit --no-fund
    } >"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2
        die "bringing what $NODE_PINNED/package.json lists did not work: the last lines of $log are above"
    fi
    rm -f "$log"
    echo "$pinned" >"$dir/complete"
}
