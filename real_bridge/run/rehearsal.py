"""Rehearsal: a plan is run through the safety layer before any motion, with a simulated arm that follows exactly."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from assets.robots.robot import Robot
from lace.core.counting import counted
from lace.core.geometry import Array
from policies.primitives import ArmMove, Plan
from real_bridge.safety.decisions import Decision
from real_bridge.safety.guard import Guard
from real_bridge.safety.limits import SafetyLimits


@dataclass(frozen=True)
class Rehearsal:
    """Decisions of the safety layer on a plan."""

    duration_s: float
    decisions: tuple[Decision, ...]

    def words(self) -> str:
        """One phrase."""
        counts = Counter(f"{decision.verdict.value} for {decision.check}" for decision in self.decisions)
        told = ", ".join(f"{counted(count, 'time')} {what}" for what, count in counts.items())
        return f"the safety layer would let it pass ({told or 'nothing limited'})"


def rehearse(plan: Plan, start: Array, robot: Robot, table_z: float, limits: SafetyLimits, speed: float) -> Rehearsal:
    """Runs `plan` from `start` (joints,) [rad] through a guard; SafetyStop where that refuses."""
    told: list[Decision] = []
    body = robot.embodiment
    guard = Guard(body, robot.xml_path, table_z, replace(limits, follow_rad=np.inf), told.append)
    dof = body.arm_dof
    arm, hand, steps = start[:dof], np.clip(start[dof:], *body.limits[dof:].T), 0
    for move in plan.moves:
        guard.begin(arm, hand)
        duration = move.path.duration_s if isinstance(move, ArmMove) else move.duration_s
        elapsed, first = 0.0, hand
        while elapsed < duration:
            elapsed = min(elapsed + limits.period_s * speed * guard.pace(arm, hand), duration)
            if isinstance(move, ArmMove):
                goal, fingers = move.path.at(np.array([elapsed]))[0], hand
            else:
                goal, fingers = arm, first + elapsed / duration * (move.targets - first)
            arm, hand = guard.step(goal, fingers, arm, hand)
            steps += 1
    return Rehearsal(steps * limits.period_s, tuple(told))
