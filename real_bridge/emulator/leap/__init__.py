"""The LEAP Hand as seen from its serial line: sixteen Dynamixel XC330 motors that speak protocol 2.0."""
