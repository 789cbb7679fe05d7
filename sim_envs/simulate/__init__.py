"""`lace simulate`: policies in the simulated cell, on the same trials, with honest rates."""
