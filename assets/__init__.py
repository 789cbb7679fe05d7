"""Robots, humans, objects, rooms, textures, backdrops and grasps, and the code that builds them."""
