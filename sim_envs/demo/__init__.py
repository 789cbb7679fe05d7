"""`lace demo`: the project's story on this machine, as a list of stages that are `lace` commands, and one report."""
