"""The physical arm and hand behind the same `policies.cell.RobotCell` as the simulated one."""
