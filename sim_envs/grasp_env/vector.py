"""Many worlds as a gymnasium.vector.VectorEnv."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from lace.core.geometry import Array
from sim_envs.grasp_env.config import GraspEnvConfig
from sim_envs.grasp_env.worlds import GraspWorlds


class GraspVectorEnv(VectorEnv):
    """As GraspEnv, for `num_envs` worlds. All episodes are equally long, so all start anew with the step after their end
    (gymnasium's next-step autoreset): that step ignores its actions and earns nothing."""

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs: int = 1, **options: Any):
        self.config, self.num_envs = GraspEnvConfig(**options), num_envs
        self.worlds = GraspWorlds(self.config, num_envs)
        self.single_action_space, self.single_observation_space = self.worlds.action_space, self.worlds.observation_space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._step = 0

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """New scenes everywhere; `seed` chooses them."""
        super().reset(seed=seed)
        self._step = 0
        return self.worlds.start(self.np_random)

    def step(self, actions: Array) -> tuple[dict, Array, Array, Array, dict]:
        """See VectorEnv; facts (num_envs,) as in GraspEnv."""
        never = np.zeros(self.num_envs, bool)
        if self._step >= self.config.steps:
            seen, facts = self.reset()
            return seen, np.zeros(self.num_envs), never, never.copy(), facts
        self._step += 1
        seen, reward, facts = self.worlds.step(np.asarray(actions, float))
        return seen, reward, never, np.full(self.num_envs, self._step >= self.config.steps), facts

    def close_extras(self, **kwargs: Any) -> None:
        """Frees both engines."""
        self.worlds.close()
