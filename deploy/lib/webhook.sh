# shellcheck shell=bash
# Posting webhooks as GOV.UK Pay signs them. Sourced after say.sh.

POST_SECONDS=30

# make_secret FILE: a secret of hex digits, that only we can read.
make_secret() {
    mkdir -p "$(dirname "$1")"
    (umask 077 && openssl rand -hex 32 >"$1")
}

# post_webhook URL SECRET_FILE BODY_FILE: the answer's status must be 200, which says that the event is safe.
post_webhook() {
    local signature status
    signature=$(openssl dgst -sha256 -hmac "$(<"$2")" <"$3") || return 1
    status=$(curl --silent --show-error --max-time "$POST_SECONDS" --output /dev/null --write-out '%{http_code}' \
        --header 'Content-Type: application/json' --header "Pay-Signature: ${signature##* }" \
        --data-binary @"$3" "$1") || return 1
    [[ $status == 200 ]] || {
        say "the webhook was answered with $status"
        return 1
    }
}
