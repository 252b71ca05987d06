"""Boots real kernels under QEMU and runs the tests of the working tree inside."""
