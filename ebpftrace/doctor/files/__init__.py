"""A linter: advice about gopls and its memory, in files of a repository, that does harm."""
