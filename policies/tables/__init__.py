"""The paper's tables of probes and policies, each by one command over the data of `lace generate study`."""
