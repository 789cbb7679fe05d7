"""Step the grasping environment with random actions.

python examples/gym_env.py
"""

import gymnasium

import sim_envs


def main(steps: int = 20, seed: int = 0, **options: object) -> float:
    """Runs one episode of `steps` steps; prints and returns the sum of rewards.

    Args:
        steps: Steps at most.
        seed: Of the scene and of the actions.
        **options: Fields of `sim_envs.grasp_env.config.GraspEnvConfig`.
    """
    env = gymnasium.make(sim_envs.ENVIRONMENT, **options)
    env.action_space.seed(seed)
    observation, _info = env.reset(seed=seed)
    print({name: value.shape for name, value in observation.items()})
    total = 0.0
    for _step in range(steps):
        observation, reward, terminated, truncated, _info = env.step(env.action_space.sample())
        total += float(reward)
        if terminated or truncated:
            break
    env.close()
    print(f"sum of rewards: {total:.3f}")
    return total


if __name__ == "__main__":
    main()
