#!/bin/bash
# Makes a fresh Debian into a machine with ebpftrace on it, as the README says: a clone and
# `make setup`. Run as root, by Vagrant and by the image of tests/vm alike; safe to repeat.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8

command -v make >/dev/null || {
    apt-get -q -y update
    apt-get -q -y install --no-install-recommends make
}
make -C /opt/ebpftrace setup
ln -sf /opt/ebpftrace/.venv/bin/ebpftrace /usr/local/bin/ebpftrace
