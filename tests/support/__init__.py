"""What the tests share: test processes, cgroups, the tool run as a user runs it, LSP."""
