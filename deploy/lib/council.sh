# shellcheck shell=bash
# What the commands read of a council's folder, and how files get from a folder into its inboxes. Sourced after say.sh.
# Knows nothing of brokers. `postroom check` says whether the text is right; here it is only looked up.

# toml_text FILE TABLE KEY: the text that KEY has in [TABLE] ("" for the top), or nothing.
toml_text() {
    awk -v table="$2" -v key="$3" '
        /^[ \t]*\[/ { here = $0; sub(/#.*/, "", here); gsub(/[][ \t\r]/, "", here); next }
        here == table && $0 ~ "^[ \t]*" key "[ \t]*=[ \t]*\"" {
            sub(/^[^"]*"/, ""); sub(/".*/, ""); print; exit
        }' "$1"
}

# systems COUNCIL: the names of its systems.
systems() {
    local file
    for file in "$1"/systems/*/system.toml; do
        [[ -f $file ]] && basename "$(dirname "$file")"
    done
}

# system_text COUNCIL SYSTEM TABLE KEY
system_text() { toml_text "$1/systems/$2/system.toml" "$3" "$4"; }

# drop FILE FOLDER: a watcher sees the file whole or not at all.
drop() {
    local name=${1##*/}
    cp -- "$1" "$2/.$name.part" || die "$1 cannot be copied to $2"
    mv -- "$2/.$name.part" "$2/$name"
}

# database COUNCIL DATA SYSTEM SIDE: the SQLite file of a source or target, in a folder that is there.
database() {
    local url
    url=$(system_text "$1" "$3" "$4.settings" url)
    mkdir -p "$(dirname "$2/${url#sqlite:}")"
    printf '%s' "$2/${url#sqlite:}"
}

# folder_of COUNCIL SYSTEM SIDE: where in the data folder its files are. The account of a file server is one there, of its name.
folder_of() {
    local folder user
    folder=$(system_text "$1" "$2" "$3.settings" folder)
    user=$(system_text "$1" "$2" "$3.settings.sftp" user)
    printf '%s' "${folder:-$user$(system_text "$1" "$2" "$3.settings.sftp" folder)}"
}

# feed COUNCIL DATA SYSTEM FILE...: files go into the inbox of the system and SQL into its database, and what it tells when it is
# asked to whoever stands in for it; what it sends as a webhook,
# is reported to it, or it publishes itself, into the lists `to_post`, `to_report` and `to_publish` as lines of system, tab, file.
to_post=()
to_report=()
to_publish=()
fed=0
feed() {
    local council=$1 data=$2 system=$3 file connector inbox
    shift 3
    connector=$(system_text "$council" "$system" source connector)
    for file in "$@"; do
        [[ -f $file ]] || continue
        case $connector in
        file)
            inbox=$data/$(folder_of "$council" "$system" source)
            mkdir -p "$inbox"
            drop "$file" "$inbox"
            ;;
        sql) sqlite3 -safe -bail "$(database "$council" "$data" "$system" source)" <"$file" || die "$file is no SQL that can be run" ;;
        http)
            if [[ -z $(system_text "$council" "$system" source.settings.poll url) ]]; then
                to_post+=("$system"$'\t'"$file")
            else
                mkdir -p "$data/$system/in"
                drop "$file" "$data/$system/in"
            fi
            ;;
        open311) to_report+=("$system"$'\t'"$file") ;;
        *) to_publish+=("$system"$'\t'"$file") ;;
        esac
        fed=$((fed + 1))
    done
}

# make_tables COUNCIL DATA: the tables that systems have, by the SQL beside their system.toml.
make_tables() {
    local file system side
    for file in "$1"/systems/*/tables.sql; do
        system=$(basename "$(dirname "$file")")
        for side in source target; do
            [[ $(system_text "$1" "$system" "$side" connector) != sql ]] ||
                sqlite3 -safe -bail "$(database "$1" "$2" "$system" "$side")" <"$file" || die "$file is no SQL that can be run"
        done
    done
}

# feed_folder COUNCIL DATA FOLDER: each folder in it goes to the system that its name means; others are told.
feed_folder() {
    local council=$1 data=$2 from=$3 folder
    for folder in "$from"/*/; do
        [[ -d $folder ]] || continue
        folder=${folder%/}
        case ${folder##*/} in
        gazetteer-dtf73) feed "$council" "$data" gazetteer "$folder"/*.csv ;;
        valuebill-ba-to-voa) feed "$council" "$data" billing "$folder"/*.xml ;;
        planning-odp) feed "$council" "$data" planning "$folder"/*.json ;;
        elections-ems)
            feed "$council" "$data" elections-idox "$folder"/ems-idox*
            feed "$council" "$data" elections-xpress "$folder"/ems-xpress*
            feed "$council" "$data" elections-dcounts "$folder"/ems-dcounts*
            ;;
        *)
            if [[ -n $(system_text "$council" "${folder##*/}" source connector 2>/dev/null) ]]; then
                feed "$council" "$data" "${folder##*/}" "$folder"/*
            else
                say "not fed: $folder (no source of the example council is named so)"
            fi
            ;;
        esac
    done
    ((fed > 0)) || die "nothing to feed in $from: it holds no folder of a source of the example council"
}

# a_subject: something of what was fed that can be traced: the subject of a published event, else a gazetteer record.
a_subject() {
    local data=$1 line kind key
    for line in "${to_publish[@]}"; do
        sed -n 's/.*"subject"[ ]*:[ ]*"\([^"]*\)".*/\1/p' "${line#*$'\t'}" | head -n 1
        return
    done
    find "$data/gazetteer" -name '*.csv' -exec cat {} + 2>/dev/null | tr -d '\r"' |
        while IFS=, read -r kind _ _ key _; do
            case $kind in
            21) echo "uprn:$key" && break ;;
            11) echo "usrn:$key" && break ;;
            esac
        done
}
