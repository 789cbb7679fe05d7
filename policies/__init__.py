"""The two-point policy, the robot cell and its primitives: to come."""
