"""The paper's tables and ablations, run by one command each."""
