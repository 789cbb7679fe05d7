"""A local page to click the shared keypoints on a few frames: `session` keeps the labels, `server` shows the page."""
