"""Simulated scenes: randomised, rendered, labelled, and measured, headless and in bulk."""
