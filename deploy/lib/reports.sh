# shellcheck shell=bash
# Reporting something as an app of the public does, by Open311 GeoReport v2. Sourced after say.sh and council.sh.

REPORT_SECONDS=30

# reports_url COUNCIL SYSTEM: where the resources of the server are.
reports_url() {
    printf 'http://%s%s' "$(system_text "$1" "$2" source.settings listen)" "$(system_text "$1" "$2" source.settings path)"
}

# post_report URL KEY_FILE FORM_FILE: prints the token of the report, which is safe then.
post_report() {
    local answer
    answer=$(curl --silent --show-error --fail-with-body --max-time "$REPORT_SECONDS" \
        --data-urlencode "api_key@$2" --data @"$3" "$1/requests.json") || {
        say "the report was answered with $answer"
        return 1
    }
    text_of token <<<"$answer"
}

# id_of_report URL TOKEN: prints the id that the back office gave to it by now, or nothing.
id_of_report() {
    curl --silent --show-error --fail-with-body --max-time "$REPORT_SECONDS" "$1/tokens/$2.json" | text_of service_request_id
}

# text_of NAME: its text in the one object that stdin has.
text_of() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }

# take_on TOKEN ID: prints the event by which waste says that it has taken on the report, under an id of its own.
take_on() {
    local now
    now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    cat <<EVENT
{
  "specversion": "1.0", "id": "$2-1", "source": "/systems/waste", "type": "service.request.updated.v1",
  "subject": "request:$1", "time": "$now", "correlationid": "$1", "channel": "system",
  "datacontenttype": "application/json",
  "data": {
    "request_reference": "$1", "target_reference": "$2", "status": "open",
    "status_notes": "A crew looks at it tomorrow", "updated_time": "$now", "agency": "Waste"
  }
}
EVENT
}
