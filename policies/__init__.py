"""The two-point policy, the robot cell and its primitives; importing this package fills POLICIES."""

from policies import instruments
from policies.named import make_policy
from policies.policy import POLICIES

__all__ = ["POLICIES", "instruments", "make_policy"]
