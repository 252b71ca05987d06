"""`python -m ebpftrace` is the command `ebpftrace`."""

from ebpftrace.cli import main

main()
