"""Labelled frames: source, labels, generation."""
