"""Runs the go command and gopls for a module, never with more rights than its owner has.

Both read files that the owner of the module chose, and start programs. So root runs them as
the owner of the folder; a folder of root's that others can change is refused.
"""

import os
import pwd
import selectors
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ebpftrace.errors import EbpftraceError
from ebpftrace.run.user import RunUser
from ebpftrace.trusted import TrustedFolder
from ebpftrace.units import KIB

_OFFLINE = {
    "GOFLAGS": "-mod=readonly -buildvcs=false",
    "GOTOOLCHAIN": "local",
    "GOPROXY": "off",
    "GOPACKAGESDRIVER": "off",
}
_GO_FOLDER = "/usr/local/go/bin"  # sudo leaves it out of PATH
_ERRORS = 4096
_READ = 64 << 10
_WAIT_SECONDS = 0.01


class Ran(NamedTuple):
    """What a program said, and the most resident memory that it or one of its children had."""

    output: bytes
    errors: bytes
    code: int
    peak_bytes: int
    seconds: float


class ModuleOwner:
    """The user who a module's programs run as. Nothing is downloaded for them."""

    def __init__(self, folder: Path) -> None:
        """EbpftraceError if there is no such folder, its owner has no name here, or it is
        root's and other users could change it."""
        self.folder = folder
        try:
            status = folder.stat()
            entry = pwd.getpwuid(status.st_uid if os.geteuid() == 0 else os.geteuid())
        except (OSError, KeyError) as error:
            why = getattr(error, "strerror", None) or "its owner is no user of this machine"
            raise _refused(why, "name the folder of a module: --module DIR") from error
        if not stat.S_ISDIR(status.st_mode):
            raise _refused("it is no folder", "name the folder of a module: --module DIR")
        if status.st_uid == os.geteuid() == 0:
            TrustedFolder.open("the module", folder).close()
        self._user = RunUser(entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir)
        self._other = entry.pw_uid != os.geteuid()

    def program(self, name: str) -> str | None:
        """Where it is: in PATH, with Go, or where the owner's `go install` puts it."""
        return shutil.which(name, path=self._path)

    def give(self, folder: Path) -> None:
        """Let the owner write to a folder of ours. OSError."""
        if self._other:
            os.chown(folder, self._user.uid, self._user.gid)

    def run(
        self,
        argv: Sequence[str],
        *,
        seconds: float,
        most_bytes: int,
        environment: Mapping[str, str] | None = None,
        procs: Path | None = None,
    ) -> Ran:
        """Run it to its end, in the folder; in the cgroup whose file `procs` is.

        EbpftraceError if it takes longer than `seconds`, or says more than `most_bytes`: it
        and what it started are then ended. OSError if it cannot be started.
        """
        own = {} if self._other else os.environ
        given = {**own, **self._user.environment, "PATH": self._path, **_OFFLINE}
        enter = -1 if procs is None else os.open(procs, os.O_WRONLY | os.O_CLOEXEC)

        def become() -> None:
            if enter >= 0:
                os.write(enter, b"0")
            if self._other:
                self._user.become()

        began = time.monotonic()
        try:
            process = subprocess.Popen(
                argv, cwd=self.folder, env={**given, **(environment or {})},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True, preexec_fn=become,
            )  # fmt: skip
        except subprocess.SubprocessError as error:  # of `become`
            raise OSError(f"cannot become {self._user.name}") from error
        finally:
            if enter >= 0:
                os.close(enter)
        return _finished(process, Path(argv[0]).name, began, seconds, most_bytes)

    @property
    def _path(self) -> str:
        folders = (os.environ.get("PATH", os.defpath), _GO_FOLDER, f"{self._user.home}/go/bin")
        return ":".join(folders)


def _finished(
    process: subprocess.Popen[bytes], name: str, began: float, seconds: float, most_bytes: int
) -> Ran:
    assert process.stdout is not None
    assert process.stderr is not None
    said: dict[int, bytearray] = {}
    usage = None
    try:
        with selectors.DefaultSelector() as waiting:
            for pipe in (process.stdout, process.stderr):
                waiting.register(pipe, selectors.EVENT_READ)
                said[pipe.fileno()] = bytearray()
            while waiting.get_map():
                _within(began, seconds, name)
                for key, _ in waiting.select(timeout=1.0):
                    data = os.read(key.fd, _READ)
                    if not data:
                        waiting.unregister(key.fileobj)
                    said[key.fd] += data
                    if key.fileobj is process.stderr:
                        del said[key.fd][_ERRORS:]
                    elif len(said[key.fd]) > most_bytes:
                        raise EbpftraceError(f"{name} says more than {most_bytes:,} bytes")
        while usage is None:
            _within(began, seconds, name)
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode, usage = os.waitstatus_to_exitcode(status), used
            else:
                time.sleep(_WAIT_SECONDS)
    finally:
        if usage is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output, errors = (bytes(said.get(pipe.fileno(), b"")) for pipe in
                          (process.stdout, process.stderr))  # fmt: skip
        process.stdout.close()
        process.stderr.close()
    peak_bytes = usage.ru_maxrss * KIB
    return Ran(output, errors, process.returncode, peak_bytes, time.monotonic() - began)


def _within(began: float, seconds: float, name: str) -> None:
    if time.monotonic() - began > seconds:
        raise EbpftraceError(f"{name} was ended: it took longer than {seconds:g} s")


def _refused(why: str, fix: str) -> EbpftraceError:
    return EbpftraceError("cannot look at the module", why=why, fix=fix)
