"""Isaac Lab on Newton MJWarp."""
