"""LEAP Hand: sixteen Dynamixel XC330 motors on one serial bus; registered in `real_bridge.devices`."""
