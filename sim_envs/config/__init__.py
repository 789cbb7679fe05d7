"""What to simulate: randomisation axes, presets, run options."""
