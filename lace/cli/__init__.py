"""The command line: one table of commands, importing lazily."""
