"""Calibration of the camera and of its place on the robot: what is measured, how well, and what is stored."""
