"""The xArm7 controller as seen from the network: its state machine, registers and reports."""
