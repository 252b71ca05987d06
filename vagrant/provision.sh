#!/bin/bash
# Makes a fresh Debian 12 into a machine with ebpftrace on it, as the README says: a clone,
# `make setup` and the demo; and a gopls to watch: gopls.service, in a slice with a limit.
# Run as root, by Vagrant and by the image of tests/vm alike; safe to repeat.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
cd /opt/ebpftrace

# This version is the newest that Debian's own Go can build and serve.
version=v0.14.2
gopls=.cache/gopls/$version/gopls

command -v make >/dev/null && command -v go >/dev/null || {
    apt-get -q -y update
    apt-get -q -y install --no-install-recommends ca-certificates golang-go make
}

make setup
ln -sf /opt/ebpftrace/.venv/bin/ebpftrace /usr/local/bin/ebpftrace

# One that came with the tree may have been built for another C library.
"$gopls" version >/dev/null 2>&1 || rm -f "$gopls"
.venv/bin/python -m tests.support.gopls_install "$version"
install "$gopls" /usr/local/bin/gopls

id gopls >/dev/null 2>&1 || useradd --system --home-dir /var/lib/gopls gopls
install --mode 644 vagrant/units/* /etc/systemd/system/
systemctl enable gopls.service gopls-client@steady.service
if [ -d /run/systemd/system ]; then # not while an image is made
    systemctl daemon-reload
    systemctl restart gopls.slice gopls.service gopls-client@steady.service
fi
