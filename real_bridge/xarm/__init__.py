"""UFACTORY xArm7 through the maker's SDK; registered in `real_bridge.devices`."""
