"""Records and summaries of trials: the same files and the same statistics for simulated and for real ones."""
