"""Searches how a hand holds an object at any yaw: `lace assets find-grasp`."""
