"""`lace demo`: all stages from frames to measurements as `lace` commands, and one report."""
