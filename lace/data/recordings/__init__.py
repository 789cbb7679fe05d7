"""Recordings of a real robot: images and joint angles over time, from one camera whose place is known."""
