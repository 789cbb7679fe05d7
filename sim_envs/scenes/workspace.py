"""Where bodies and objects may be in a scene. World frame: the robot's base, z up."""

import numpy as np

from lace.core.geometry import Array
from sim_envs.config.axes import TableAxis

FLOOR_Z = -0.75
"""Height of the floor below the robot's base [m]: a desk's height."""
GRASP_BOX = np.array([[0.32, -0.25, 0.05], [0.58, 0.25, 0.30]])
"""Where grasp points are drawn over the default area [m]: in front of the base, above the table."""
CLEARANCE = 0.015
"""Least height of any keypoint above the base plane [m]; tables lie below it."""
BODY_RADIUS = 0.05
"""Clearance around the body's points that objects keep [m]."""
_WATCHED = np.array([0.46, 0.0, 0.05])


def area(axis: TableAxis) -> Array:
    """Corners (2, 2) of the rectangle in which objects may stand, xy [m]."""
    return np.array([axis.x_m, axis.y_m], float).T


_AREA = area(TableAxis())


def grasp_box(axis: TableAxis) -> Array:
    """Corners (2, 3) of the box in which grasp points are drawn [m]: inside the area by a hand's margin."""
    box = GRASP_BOX.copy()
    box[:, :2] += area(axis) - _AREA
    return np.where(box[0] > box[1], box.mean(0), box)


def watched(axis: TableAxis) -> Array:
    """Point (3,) that cameras which stand still look at [m]: a hand's height above the middle of the area."""
    return _WATCHED + np.append((area(axis) - _AREA).mean(0), 0)
