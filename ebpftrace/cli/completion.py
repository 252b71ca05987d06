"""`ebpftrace completion SHELL`: prints the script for tab completion."""

import click
from click.shell_completion import get_completion_class


@click.command(epilog="Example: ebpftrace completion bash >/etc/bash_completion.d/ebpftrace")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    completer = get_completion_class(shell)
    assert completer is not None  # the three are click's own
    root = context.find_root()
    script = completer(root.command, {}, "ebpftrace", "_EBPFTRACE_COMPLETE")
    click.echo(script.source())
