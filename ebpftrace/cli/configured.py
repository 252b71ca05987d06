"""A command whose options can also be given by the environment and in the policy file.

The command line comes first, then the environment, then the file. What reads the file is
imported where there is one.
"""

import os
from pathlib import Path
from typing import Any

import click

from ebpftrace.act.policy.store import default_file

_POLICY_OPTIONS = ("growth", "level", "fuse", "on_breach")


class ConfiguredCommand(click.Command):
    """`--max-series` of `serve` is also EBPFTRACE_SERVE_MAX_SERIES, and `max-series` below
    `[serve]` in the file. An option that has another variable keeps that one.
    """

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        for option in self.params:
            if isinstance(option, click.Option) and option.expose_value and not option.envvar:
                words = long_name(option).upper().replace("-", "_")
                option.envvar = f"EBPFTRACE_{str(self.name).upper()}_{words}"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raises PolicyFileError for mistakes in the file's table."""
        if not ctx.resilient_parsing:
            file = self._file(ctx, args)
            if file is not None:
                from ebpftrace.cli.settings import read_settings

                ctx.default_map = read_settings(file, self, obeyed=True)
        return super().parse_args(ctx, args)

    def _file(self, ctx: click.Context, args: list[str]) -> Path | None:
        """The file that these arguments ask for; None without one."""
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        for option in self.params:
            if option.name and option.name not in given:
                value = option.value_from_envvar(ctx)
                if value is not None:
                    given[option.name] = value
        help_option = self.get_help_option(ctx)
        if help_option is not None and given.get(str(help_option.name)):
            return None
        if given.get("no_config") or any(given.get(name) for name in _POLICY_OPTIONS):
            return None  # they replace the default file as a whole, and exclude another
        return Path(given["config"]) if given.get("config") else default_file(os.environ)


def long_name(option: click.Option) -> str:
    """`max-series`, without the dashes."""
    return max(option.opts, key=len).lstrip("-")
