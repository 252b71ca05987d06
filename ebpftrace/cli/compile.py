"""`ebpftrace compile`: the kernel programs, made before a watch needs them."""

from pathlib import Path

import click

from ebpftrace.act.policy.file import read_policies
from ebpftrace.act.policy.matching import comms_to_watch
from ebpftrace.engine.compile_memory import CompileMemory
from ebpftrace.errors import EbpftraceError, UsageError
from ebpftrace.probe.ahead import compile_ahead
from ebpftrace.probe.loading.cache import default_folder
from ebpftrace.probe.loading.known_types import BTF_PATH
from ebpftrace.probe.selection import Selection
from ebpftrace.text import wrap

_MOST_CPUS = 8192  # more than any kernel's NR_CPUS


@click.command(
    "compile",
    epilog="""
    \b
    Examples:
      sudo ebpftrace compile
      sudo ebpftrace compile --config policy.toml
      sudo EBPFTRACE_CACHE_DIR=/image/var/cache/ebpftrace ebpftrace compile

    A watch finds them in EBPFTRACE_CACHE_DIR, else in /var/cache/ebpftrace (for root).
    They fit one version of ebpftrace and bcc, one kernel and one number of CPUs; a
    watch compiles what it does not find.
    """,
)
@click.option("--comm", "comms", multiple=True, metavar="GLOB",
              help="As many names as the watch will have. Repeatable.  [gopls]")  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
              help="Policy file whose names the watch will have.")  # fmt: skip
@click.option("--btf", "btf_file", type=click.Path(path_type=Path), metavar="FILE",
              help="Types of another machine's kernel: /sys/kernel/btf/vmlinux.")  # fmt: skip
@click.option("--cpus", type=click.IntRange(1, _MOST_CPUS), metavar="NUMBER",
              help="CPUs that the other machine can have.")  # fmt: skip
def compile_command(
    comms: tuple[str, ...], config: Path | None, btf_file: Path | None, cpus: int | None
) -> None:
    """Compile the kernel programs ahead, for a watch with little memory.

    Compiling takes about 96 MiB of memory and some seconds, once. After it a watch
    starts in less.
    """
    if btf_file is not None and cpus is None:
        raise UsageError(
            "--btf needs --cpus",
            why="the programs of another machine depend on how many CPUs it can have",
            fix="on that machine: cat /sys/devices/system/cpu/possible; 0-7 is 8",
        )
    names = comms or comms_to_watch(read_policies(config) if config else (), ("gopls",))
    folder = default_folder()
    try:
        for selection, policies in compile_ahead(
            names, folder, btf_file=btf_file or BTF_PATH, cpus=cpus,
            explain=lambda: CompileMemory().explain,
        ):  # fmt: skip
            click.echo(f"compiled: {_in_words(selection)}, {_purpose(policies)}")
    except OSError as error:
        raise EbpftraceError(
            "the compiled programs cannot be kept",
            why=f"{error.filename or folder}: {error.strerror}",
            fix="choose a folder with: EBPFTRACE_CACHE_DIR=FOLDER ebpftrace compile",
        ) from error
    for line in wrap(f"The programs are in {folder}.", following="  "):
        click.echo(line)


def _in_words(selection: Selection) -> str:
    kinds = (
        ("--comm" if selection.comms else ""),
        ("--cgroup" if selection.cgroups else ""),
        ("--children" if selection.children else ""),
    )
    return " ".join(filter(None, kinds))


def _purpose(policies: bool) -> str:
    return "with policies" if policies else "without policies"
