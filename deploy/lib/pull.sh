# shellcheck shell=bash
# Fetching messages as a system that can only pull does: it looks, works, and answers each. Sourced after say.sh.

PULL_SECONDS=30

# pull_queue URL TOKEN_FILE: one look; each message that was taken, as its id and our reference of it, on a line.
pull_queue() {
    local url=$1 token page id reference
    token=$(<"$2") || return 1
    page=$(curl --silent --show-error --fail --max-time "$PULL_SECONDS" --header "Authorization: Bearer $token" "$url") || return 1
    grep -o '"dispatch":"[0-9a-f-]\{36\}"' <<<"$page" | cut -d '"' -f 4 | while read -r id; do
        reference=JOB-${id%%-*}
        curl --silent --show-error --fail --max-time "$PULL_SECONDS" --request PUT --header "Authorization: Bearer $token" \
            --header 'Content-Type: application/json' --data "{\"outcome\": \"success\", \"reference\": \"$reference\"}" \
            "$url/$id" || return 1
        echo "$id $reference"
    done
}

# queue_url COUNCIL SYSTEM
queue_url() { printf 'http://%s%s' "$(system_text "$1" "$2" target.settings listen)" "$(system_text "$1" "$2" target.settings path)"; }
