"""A simulated human arm and hand: poses, reaches, skin."""
