"""Motion primitives: from two image points to a checked motion."""

from policies.primitives.primitive import ArmMove, HandMove, Plan, Primitive

__all__ = ["ArmMove", "HandMove", "Plan", "Primitive"]
