"""The kinds of errors, and the exit code of each.

    EbpftraceError            1   anything without a code of its own
    ├── UsageError            2   an option or argument is wrong (click's own code)
    ├── NotPermittedError     3   not root, or without the capabilities BPF needs
    ├── NoBpfError            4   this kernel (or container) has no usable BPF
    ├── NoBtfError            5   the kernel does not publish its types
    ├── NoTracefsError        6   tracefs is neither mounted nor mountable
    ├── NoBccError            7   bcc is missing, or it is PyPI's lattice package
    ├── ProbeError            8   a kernel program did not compile, load or attach
    ├── GoneError             9   a pid, a cgroup or a stopped process does not exist
    ├── PolicyError          10   a policy file is invalid
    ├── LogTakenError        11   another ebpftrace acts, and writes to this audit log
    ├── HistoryError         12   the file of past runs cannot be used
    ├── UntrustedError       13   another user could change a file that root obeys or writes
    ├── ListenError          14   `serve` cannot listen where it was asked to
    ├── PrometheusError      15   a Prometheus did not answer a query of `top`
    ├── ExceededError        16   a command took more memory than `--max-increase` allows
    ├── WarningsFoundError   17   `doctor` found warnings, and no error
    └── ErrorsFoundError     18   `doctor` found an error

Ctrl-C and SIGTERM end a watch normally: exit code 0, after the summary. A reader that
closes its pipe (`| head -1`) is no error either. `docs/exit-codes.md` lists all codes.
`ebpftrace --help` and the man page list the codes of the classes below.
"""

from collections.abc import Iterator


class EbpftraceError(Exception):
    """An error for users: `what` happened, `why`, and how to `fix` it. Never a traceback."""

    exit_code = 1
    summary = "other errors"
    """What `ebpftrace --help` says beside the code."""

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix


class UsageError(EbpftraceError):
    """An option or argument is wrong."""

    exit_code = 2
    summary = "wrong usage"


class NotPermittedError(EbpftraceError):
    """Not root, or without the capabilities that BPF needs."""

    exit_code = 3
    summary = "not permitted"


class NoBpfError(EbpftraceError):
    """This kernel (or this container) has no usable BPF."""

    exit_code = 4
    summary = "no BPF"


class NoBtfError(EbpftraceError):
    """The kernel does not publish its types in /sys/kernel/btf/vmlinux."""

    exit_code = 5
    summary = "no BTF"


class NoTracefsError(EbpftraceError):
    """tracefs is neither mounted nor mountable."""

    exit_code = 6
    summary = "no tracefs"


class NoBccError(EbpftraceError):
    """bcc is missing, or it is the crystal-lattice package of that name."""

    exit_code = 7
    summary = "no bcc"


class ProbeError(EbpftraceError):
    """A kernel program did not compile, load or attach."""

    exit_code = 8
    summary = "BPF program rejected"


class GoneError(EbpftraceError):
    """A pid, a cgroup or a stopped process does not exist."""

    exit_code = 9
    summary = "not found"


class PolicyError(EbpftraceError):
    """A policy file is invalid."""

    exit_code = 10
    summary = "invalid policy"


class LogTakenError(EbpftraceError):
    """Another ebpftrace acts, and writes to this audit log."""

    exit_code = 11
    summary = "another ebpftrace acts"


class HistoryError(EbpftraceError):
    """The file of past runs cannot be read, written or trusted."""

    exit_code = 12
    summary = "history not usable"


class UntrustedError(EbpftraceError):
    """Another user could change or replace a file that ebpftrace obeys or writes."""

    exit_code = 13
    summary = "file not trusted"


class ListenError(EbpftraceError):
    """`serve` cannot listen where it was asked to."""

    exit_code = 14
    summary = "cannot listen"


class PrometheusError(EbpftraceError):
    """A Prometheus did not answer a query of `top`."""

    exit_code = 15
    summary = "no answer of Prometheus"


class ExceededError(EbpftraceError):
    """A command took more memory than `run --max-increase` allows."""

    exit_code = 16
    summary = "more memory than allowed"


class WarningsFoundError(EbpftraceError):
    """`doctor` found what costs memory or has no effect, and nothing worse."""

    exit_code = 17
    summary = "doctor found warnings"


class ErrorsFoundError(EbpftraceError):
    """`doctor` found what does not work, or ends what it should protect."""

    exit_code = 18
    summary = "doctor found errors"


def error_types(base: type[EbpftraceError] = EbpftraceError) -> Iterator[type[EbpftraceError]]:
    """All classes with an exit code of their own, in the order of their definition."""
    if "exit_code" in vars(base):
        yield base
    for kind in base.__subclasses__():
        yield from error_types(kind)
