"""What things are: robots, humans, objects and rooms, and the builders that make them."""
