"""Cameras of the bridge: one file each, registered in `real_bridge.cameras.camera.CAMERAS`."""
