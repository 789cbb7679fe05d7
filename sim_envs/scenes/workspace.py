"""Where bodies and objects may be in a scene. World frame: the robot's base, z up."""

import numpy as np

FLOOR_Z = -0.75
"""Height of the floor below the robot's base [m]: a desk's height."""
AREA = np.array([[0.28, -0.38], [0.68, 0.38]])
"""Where objects may stand, xy [m]."""
WORKSPACE = np.array([[0.32, -0.25, 0.05], [0.58, 0.25, 0.30]])
"""Where grasp points are drawn [m]: in front of the base, above the table."""
CLEARANCE = 0.015
"""Least height of any keypoint above the base plane [m]; tables lie below it."""
BODY_RADIUS = 0.05
"""Clearance around the body's points that objects keep [m]."""
WATCHED = np.array([0.46, 0.0, 0.05])
"""Point that cameras which stand still look at [m]: a hand's height above the middle of AREA."""
