"""Errors of the bridge's devices. All of them end the trial: they are SafetyStops."""

from policies.outcome import SafetyStop


class DeviceFault(SafetyStop):
    """A device reports an error, does not answer, or is not in the state that it was put into. Never cleared by us."""
