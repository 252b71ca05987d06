"""One format of files each: lines in, the commands and settings that are in them out.

A file may be hostile, so none is parsed as YAML, TOML or shell: each line is split into words,
in time that grows with its length only, and what is not understood is left out.
"""
