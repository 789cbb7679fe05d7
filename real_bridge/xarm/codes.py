"""The xArm's error codes in words, those that a grasp can meet (UFACTORY, xArm developer manual, error codes)."""

ERRORS = {
    1: "the emergency stop on the control box is pressed",
    2: "the emergency IO of the control box is triggered",
    3: "the emergency stop of the three-state switch is pressed",
    **{10 + joint: f"motor error of joint {joint}" for joint in range(1, 8)},
    19: "end module communication",
    21: "kinematic error",
    22: "self-collision",
    23: "a joint exceeds its limit",
    24: "speed exceeds its limit",
    25: "planning error",
    28: "end module communication",
    30: "feedback speed exceeds its limit",
    31: "collision: abnormal motor current",
    35: "safety boundary reached",
    36: "too many commands",
    37: "manual mode is on",
    38: "abnormal joint angle",
    40: "no trajectory can be planned",
    60: "linear speed exceeds its limit in servo mode",
}
"""Controller error -> words."""

API_CODES = {
    -1: "not connected",
    -2: "not ready",
    -8: "out of range",
    -9: "emergency stop",
    1: "an error is latched",
    2: "a warning",
    3: "no answer in time",
    9: "state not ready to move",
    10: "invalid",
}
"""Return code of the SDK -> words."""
