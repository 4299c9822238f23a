# shellcheck shell=bash
# RabbitMQ of another generation than this machine's, from one of Debian's newer suites, in a folder of its own. Sourced
# after say.sh and need.sh. Nothing of it is installed on this machine: debootstrap and apt check every signature.

# suite_of GENERATION: the suite that has it.
suite_of() {
    case $1 in
        4) echo trixie ;;
        next) echo forky ;;
        *) die "no suite is known with RabbitMQ $1: say 3 (this machine's), 4 or next" ;;
    esac
}

# need_generation GENERATION: makes sure of it and sets RABBITMQ_PROGRAMS, the folder of its programs. 3 means the
# distribution's own, whatever it is; another is brought to var/rabbitmq-GENERATION once (about a minute, 500 MB).
need_generation() {
    local home suite
    if [[ $1 == 3 ]]; then
        need_broker
        return
    fi
    suite=$(suite_of "$1") || exit 1
    home=$PWD/var/rabbitmq-$1
    if [[ ! -e $home/complete ]]; then
        need debootstrap debootstrap
        need unshare util-linux
        say "bringing RabbitMQ $1 from Debian's suite $suite into $home, once"
        suite_bring "$suite" "$home"
    fi
    # shellcheck disable=SC2034
    RABBITMQ_PROGRAMS=$home/bin
}

# The package source of this machine, so that a mirror which is set for it is used.
suite_mirror() {
    local found
    # shellcheck disable=SC2016
    found=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian //p' | head -n 1)
    [[ -n $found ]] || die "this machine names no package source of Debian's, so no other suite can be brought"
    echo "$found"
}

# suite_bring SUITE HOME: the mounts are of a namespace that ends with the command, however it ends.
suite_bring() {
    local suite=$1 home=$2 script='' mirror
    mirror=$(suite_mirror) || exit 1
    # A suite younger than this debootstrap is made as the newest that it knows.
    [[ -e /usr/share/debootstrap/scripts/$suite ]] || script=sid
    mkdir -p "$home/bin"
    # A root that was left half made is of no use.
    as_root rm -rf "$home/root"
    # shellcheck disable=SC2016
    if ! as_root unshare --mount bash -eu -c '
        suite=$1 root=$2 mirror=$3 script=$4
        debootstrap --force-check-gpg --variant=minbase "$suite" "$root" "$mirror" \
            ${script:+/usr/share/debootstrap/scripts/$script}
        printf "#!/bin/sh\nexit 101\n" >"$root/usr/sbin/policy-rc.d"
        chmod 755 "$root/usr/sbin/policy-rc.d"
        mount --rbind /proc "$root/proc"
        mount --rbind /dev "$root/dev"
        DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y --no-install-recommends rabbitmq-server
        chroot "$root" apt-get clean
        grep -qs localhost "$root/etc/hosts" || echo "127.0.0.1 localhost" >>"$root/etc/hosts"
        mkdir -p "$root$5"
    ' bring "$suite" "$home/root" "$mirror" "$script" "$PWD" >"$home/log" 2>&1 </dev/null; then
        tail -n 5 "$home/log" >&2
        die "bringing RabbitMQ from $suite did not work: the last lines of $home/log are above"
    fi
    suite_programs "$home"
    : >"$home/complete"
}

# suite_programs HOME: the programs of the other suite under their own names, to be called like any others. Each sees
# this machine's processes, its folder for temporary files and this house at their own places.
suite_programs() {
    local home=$1 inside
    for inside in /usr/lib/rabbitmq/bin/rabbitmq-server /usr/lib/rabbitmq/bin/rabbitmqctl \
        /usr/lib/rabbitmq/bin/rabbitmq-plugins /usr/bin/epmd; do
        cat >"$home/bin/${inside##*/}" <<PROGRAM
#!/bin/sh
# ${inside##*/} of the suite in this folder.
user=; [ "\$(id -u)" = 0 ] || user=--map-root-user
exec unshare --mount \$user sh -eu -c '
    root=\$1 house=\$2 program=\$3
    shift 3
    mount --rbind /proc "\$root/proc"
    mount --rbind /dev "\$root/dev"
    for place in "\${TMPDIR:-/tmp}" "\$house"; do
        mkdir -p "\$root\$place"
        mount --rbind "\$place" "\$root\$place"
    done
    exec chroot "\$root" "\$program" "\$@"
' ${inside##*/} $(printf %q "$home/root") $(printf %q "$PWD") $inside "\$@"
PROGRAM
        chmod 755 "$home/bin/${inside##*/}"
    done
}
