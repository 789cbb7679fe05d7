"""The two-point policy, the robot cell and its primitives; importing this package fills POLICIES."""

from policies import instruments
from policies.policy import POLICIES, make_policy

__all__ = ["POLICIES", "instruments", "make_policy"]
