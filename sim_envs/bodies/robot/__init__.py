"""A robot's poses and reaches."""
