"""`lace bridge run`, `replay` and `clear`: real trials, with the files and the rates of simulated ones."""
