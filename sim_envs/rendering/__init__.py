"""Isaac Lab on Newton as a renderer: rasteriser, rays, shading, sensor."""
