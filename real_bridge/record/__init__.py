"""Recording a demonstration on the robot: a person guides it, and images and measured joints are written down."""
