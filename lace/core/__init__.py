"""The ground floor: geometry, cameras, keypoints, frame records, registries, errors. numpy only."""
