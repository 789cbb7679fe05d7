"""Two agents in the gymnasium environment: a random one, and the scripted grasp. Prints success and steps per second.

python benchmarks/grasp_agents.py --episodes 8 --num-envs 4 [--physics isaac]
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import gymnasium
import numpy as np
import tyro

import sim_envs
from assets.grasps import grasp_for
from lace.core.geometry import Array
from policies.outcome import TrialStopped
from policies.policy import Observation
from policies.primitives.grasp import GraspPrimitive
from policies.primitives.playback import joint_targets
from sim_envs.grasp_env.controls import ARM_SPEED, HAND_SPEED
from sim_envs.grasp_env.vector import GraspVectorEnv

Agent = Callable[[GraspVectorEnv], Callable[[], Array]]
"""Called with a freshly reset environment; returns the function that makes the next actions (n, size)."""


@dataclass(frozen=True)
class Options:
    """What to run."""

    episodes: int = 8
    """Episodes of each agent."""
    num_envs: int = 4
    preset: str = "lab"
    seed: int = 0
    physics: str | None = None
    """mujoco or isaac."""
    device: str = "auto"


def random_agent(env: GraspVectorEnv) -> Callable[[], Array]:
    """Uniform random actions."""
    return env.action_space.sample


def scripted_agent(env: GraspVectorEnv) -> Callable[[], Array]:
    """The grasp primitive with the true image points, played back as changes of joint targets."""
    worlds, body = env.worlds, env.worlds.embodiment
    ways = [waypoints(env, number) for number in range(env.num_envs)]
    most = np.where(np.arange(len(body.joints)) < body.arm_dof, ARM_SPEED, HAND_SPEED) / env.config.rate_hz
    step = 0

    def act() -> Array:
        nonlocal step
        step += 1
        goals = np.stack([way[min(step, len(way) - 1)] for way in ways])
        return np.clip((goals - worlds.targets) / most, -1, 1).astype(np.float32)

    return act


def waypoints(env: GraspVectorEnv, world: int) -> Array:
    """(k, joints) targets of a world's planned grasp, one per step; the start pose if no plan is found."""
    trial, robot = env.worlds.trials[world], env.worlds.robot
    start = trial.physics.joint_positions
    grasp = grasp_for(trial.record.objects[0]["object"], robot.embodiment.name, robot.grasps)
    primitive = GraspPrimitive(robot.embodiment, robot.xml_path, grasp)
    observation = Observation(trial.record.image, trial.record.camera, start, 0.0, 0.0, truth=trial.truth)
    try:
        return joint_targets(primitive.plan(observation, trial.truth, trial.physics.table_z), start, env.config.rate_hz)
    except TrialStopped:
        return start[None]


def run(name: str, agent: Agent, options: Options) -> None:
    """Prints an agent's success rate and speed."""
    env = gymnasium.make_vec(
        sim_envs.ENVIRONMENT,
        num_envs=options.num_envs,
        vectorization_mode="vector_entry_point",
        observations=("state",),
        preset=options.preset,
        seed=options.seed,
        episode_s=14.0,
        physics=options.physics,
        device=options.device,
    )
    successes = steps = 0
    started = time.perf_counter()
    batches = -(-options.episodes // options.num_envs)
    for batch in range(batches):
        env.reset(seed=options.seed + batch)
        act, truncated = agent(env), np.zeros(options.num_envs, bool)
        while not truncated.all():
            _seen, _reward, _terminated, truncated, facts = env.step(act())
            steps += options.num_envs
        successes += int(facts["success"].sum())
    rate = steps / (time.perf_counter() - started)
    env.close()
    print(
        f"{name}: {successes} of {batches * options.num_envs} grasped, "
        f"{rate:.0f} environment steps/s, scenes and plans included"
    )


if __name__ == "__main__":
    chosen = tyro.cli(Options)
    for title, maker in (("random", random_agent), ("scripted", scripted_agent)):
        run(title, maker, chosen)
