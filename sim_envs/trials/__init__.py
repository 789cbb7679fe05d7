"""Grasp trials in a simulated cell."""
