"""Emulated hardware: an xArm7 controller, a LEAP Hand and a camera around one MuJoCo simulation of our cell.

The vendors' own SDKs talk to it as to the real thing: `lace bridge emulate`.
"""
