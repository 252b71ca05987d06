"""The executables of processes, which their owners choose."""
