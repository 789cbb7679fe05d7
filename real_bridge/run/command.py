"""`lace bridge run`: a dry run that draws the plan, or live trials after a typed confirmation."""

from collections.abc import Callable
from contextlib import ExitStack

import cv2
import numpy as np

from lace.core.files import publish_bytes
from lace.core.run_identity import RunIdentity
from policies.outcome import SafetyStop, TrialStopped
from policies.policy import Observation
from real_bridge.cameras import open_camera
from real_bridge.operator import OPERATORS
from real_bridge.rig import Rig
from real_bridge.run import trials
from real_bridge.run.config import RunConfig, require_names
from real_bridge.run.drawing import plan_picture
from real_bridge.run.keyboard import HeldKey
from real_bridge.run.rehearsal import rehearse
from real_bridge.run.session import Tools, run_live, tools, trial_seed
from real_bridge.views import seen, truth_of

WORD = "MOVE"
EXIT_FAULT = 1


def main(config: RunConfig) -> int:
    """Runs; returns 0, or 1 where a fault was latched or a dry run found no plan."""
    require_names(config)
    with ExitStack() as stack:
        camera = open_camera(config.rig.camera)
        stack.callback(camera.close)
        keys = stack.enter_context(HeldKey()) if config.live and config.hold else None
        operator = OPERATORS[config.operator](keys.ask if keys else input, keys.held if keys else lambda: True)
        kit = tools(config, camera, operator)
        if not config.live:
            return dry_run(kit)
        ask = keys.ask if keys else input
        if not confirmed(config, ask):
            print("nothing moved")
            return EXIT_FAULT
        identity = RunIdentity(
            config.out / "bridge.json",
            "a run on the physical cell",
            trials.origin(config),
            ("config", "versions", "policy_identity", "grasp"),
        )
        with identity.opened():
            return live(kit)


def confirmed(config: RunConfig, ask: Callable[[str], str]) -> bool:
    """Whether a person typed the word that lets the arm move."""
    print(f"The arm at {config.rig.address} will move at up to {100 * config.speed:.0f} % of the planned speed.")
    print("The emergency stop is in reach, and nobody stands where the arm can reach.")
    return ask(f"Type {WORD} to let it move: ").strip() == WORD


def live(kit: Tools) -> int:
    """The trials that are missing; stops at the first fault."""
    config, out = kit.config, kit.config.out
    for folder in ("trials", "frames", "logs"):
        (out / folder).mkdir(exist_ok=True)
    first = len(trials.read_trials(out))
    for number in range(first, config.trials):
        ready = kit.prepared(number)
        outcome, fault = run_live(ready, number, trials.log_folder(out, number))
        trials.add_trial(out, ready.config, number, outcome)
        results = trials.write_results(out, config)
        rate = results["policies"][config.policy]["success"]
        why = f" ({outcome.reason})" if outcome.reason else ""
        print(f"trial {number + 1} of {config.trials}: {outcome.result.value}{why}")
        print(f"  {rate['successes']} of {rate['n']} succeeded, 95 % interval {rate['low']:.2f} to {rate['high']:.2f}")
        if fault:
            print(f"A fault was latched: {fault}\nLook at the arm, then run `lace bridge clear`.")
            return EXIT_FAULT
    print(f"wrote {out / 'results.json'} and {out / 'report.html'}")
    return 0


def dry_run(kit: Tools) -> int:
    """Observes, predicts, plans, rehearses and draws the result; enables and moves nothing."""
    config = kit.config
    rig = kit.rig()
    try:
        observation = look(kit, rig)
    finally:
        rig.close()
    kit.policy.reset(trial_seed(config.seed, 0))
    points = kit.policy.predict(observation)
    plan, problem = None, ""
    try:
        plan = kit.primitive.plan(observation, points, config.rig.table_z)
        rehearsal = rehearse(
            plan, observation.joint_positions, kit.robot, config.rig.table_z, config.limits, config.speed
        )
    except TrialStopped as stop:
        problem = f"{stop.doing}: {stop.got}; expected {stop.expected}"
    picture = plan_picture(observation, points, plan, kit.primitive.kinematics)
    path = config.out.with_name(f"{config.out.name}-dry-run.png")  # beside: OUT is for trials
    path.parent.mkdir(parents=True, exist_ok=True)
    publish_bytes(path, cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())
    print(f"drew {path}; nothing moved")
    if problem:
        print(f"no plan: {problem}")
        return EXIT_FAULT
    print(f"the plan takes {rehearsal.duration_s:.1f} s; {rehearsal.words()}. Add --live to run it")
    return 0


def look(kit: Tools, rig: Rig) -> Observation:
    """An observation of devices that are not enabled."""
    frame, arm, hand = kit.camera.newest(), rig.arm.read(), rig.hand.read()
    for device, fault in (("the arm", arm.fault), ("the hand", hand.fault)):
        if fault:
            raise SafetyStop("looking", f"{device}: {fault}", "devices without faults", "look at the arm")
    camera, image, depth = seen(frame, kit.mount)
    joints = np.concatenate([arm.positions, hand.positions])
    return Observation(image, camera, joints, frame.stamp_s, arm.stamp_s, depth, truth_of(frame))
