"""The two-point policy, the robot cell and its primitives; importing this package fills POLICIES."""

from policies import colour, diagnostic
from policies.named import make_policy
from policies.policy import POLICIES

__all__ = ["POLICIES", "colour", "diagnostic", "make_policy"]
