"""The physical arm and hand: to come."""
