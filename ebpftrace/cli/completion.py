"""`ebpftrace completion SHELL`: prints the script for tab completion."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(epilog="Example: ebpftrace completion bash >/etc/bash_completion.d/ebpftrace")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    click.echo(completion_script(context.find_root().command, shell))


def completion_script(root: click.Command, shell: str) -> str:
    """The completion script for one of SHELLS, without a newline at its end."""
    completer = get_completion_class(shell)
    assert completer is not None  # click supports the three
    return completer(root, {}, "ebpftrace", "_EBPFTRACE_COMPLETE").source().rstrip("\n")
