#!/bin/bash
# Makes a fresh Debian 12 into a machine with ebpftrace on it, as the README says: a clone,
# `make setup` and the demo; and a gopls to watch: gopls.service, in a slice with a limit.
# Run as root, by Vagrant and by the image of tests/vm alike; safe to repeat.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
cd /opt/ebpftrace

fail() {
    printf 'error: %s\n  why: %s\n  fix: %s, then `vagrant provision`\n' "$@" >&2
    exit 1
}

# gopls.service's user runs what is in this tree, whatever root keeps for itself.
umask 022
chmod -R a+rX .

# Of the versions that the tests drive, the one that Debian's own Go, 1.19, can build.
version=v0.14.2
gopls=.cache/gopls/$version/gopls

command -v make >/dev/null && command -v go >/dev/null ||
    scripts/apt-install ca-certificates golang-go make ||
    fail "make and Go are not installed" "apt said it above" \
        "let this machine reach Debian's archive"

make setup || fail "\`make setup\` failed" "it said it above" \
    "let this machine reach Debian's and Python's packages, or do as it said"
ln -sf /opt/ebpftrace/.venv/bin/ebpftrace /usr/local/bin/ebpftrace

.venv/bin/python -m tests.support.gopls_install "$version"
[ -x "$gopls" ] || fail "gopls $version was not built" "go said it above" \
    "let this machine reach a Go module proxy (GOPROXY names one)"
install "$gopls" /usr/local/bin/gopls

id gopls >/dev/null 2>&1 || useradd --system --home-dir /var/lib/gopls gopls
install --mode 644 vagrant/units/* /etc/systemd/system/
systemctl enable gopls.service gopls-client@steady.service
if [ -d /run/systemd/system ]; then # not while an image is made
    systemctl daemon-reload
    systemctl restart gopls.slice gopls.service gopls-client@steady.service
fi
