"""Robots and humans in a scene."""
