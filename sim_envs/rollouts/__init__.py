"""`lace generate rollouts`: scripted demonstrations as a LeRobot dataset."""
