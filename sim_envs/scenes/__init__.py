"""Scenes without an engine: draws, composition, state."""
