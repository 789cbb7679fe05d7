"""Shared base: geometry, cameras, keypoints, frame records, registries, errors. numpy only."""
