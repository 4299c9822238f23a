# shellcheck shell=bash
# OpenSSH's own server from the distribution's packages, for tests that start servers of their own on loopback. Sourced
# after say.sh and need.sh.

# Installs what is absent; the server that the package would start for the machine stays off.
need_sshd() {
    need sshd openssh-server
    [[ -x /usr/lib/openssh/sftp-server ]] || install openssh-sftp-server
    need ssh-keygen openssh-client
    # Where it separates its privileges when it runs as root; gone after every start of the machine.
    ((EUID != 0)) || mkdir -p /run/sshd
}
