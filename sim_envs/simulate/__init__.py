"""`lace simulate`: policies in the simulated cell, on the same trials, with success rates and intervals."""
