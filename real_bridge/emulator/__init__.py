"""Emulated hardware: an xArm7 controller, a LEAP Hand and a camera around one MuJoCo simulation of our cell.

The vendors' own SDKs talk to it as to the real thing. `python -m real_bridge.emulator --help`, or `lace bridge emulate`.
"""
