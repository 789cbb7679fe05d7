"""Many worlds as a gymnasium.vector.VectorEnv."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from lace.core.draws import seed64
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array, BoolArray
from sim_envs.grasp_env.config import PICTURES, checked_mode, options_of
from sim_envs.grasp_env.worlds import GraspWorlds


class GraspVectorEnv(VectorEnv):
    """As GraspEnv, for `num_envs` worlds.

    A world whose episode has ended resets on the following step, whose action is ignored and reward is 0
    (gymnasium's next-step autoreset).
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": [PICTURES], "render_fps": 10}

    def __init__(self, num_envs: int = 1, render_mode: str | None = PICTURES, **options: Any):
        self.config, self.num_envs = options_of(**options), num_envs
        self.render_mode = checked_mode(render_mode)
        self.metadata = self.metadata | {"render_fps": self.config.rate_hz}
        self.worlds = GraspWorlds(self.config, num_envs)
        self.single_action_space, self.single_observation_space = (
            self.worlds.action_space,
            self.worlds.observation_space,
        )
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._steps = np.zeros(num_envs, int)
        self._ended: np.ndarray | None = None
        """(num_envs,) whose episode has ended; None before the first reset."""

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """New scenes, everywhere or where `options["reset_mask"]` (num_envs,) bool says; `seed` chooses them."""
        super().reset(seed=None if seed is None else seed64(seed))
        self._restart(self._mask((options or {}).get("reset_mask")))
        seen, _reward, facts = self.worlds.observe()
        return seen, facts

    def step(self, actions: Array) -> tuple[dict, Array, np.ndarray, np.ndarray, dict]:
        """See VectorEnv; facts (num_envs,) as in GraspEnv."""
        fresh = np.ones(self.num_envs, bool) if self._ended is None else self._ended
        self._steps[~fresh] += 1
        if not fresh.all():
            self.worlds.move(np.asarray(actions, float), np.flatnonzero(~fresh))
        if fresh.any():
            self._restart(fresh)
        seen, reward, facts = self.worlds.observe()
        terminated = facts["success"] & ~fresh & self.config.terminate_on_success
        truncated = self._steps >= self.config.steps
        self._ended = terminated | truncated
        return seen, np.where(fresh, 0.0, reward), terminated, truncated, facts

    def _restart(self, mask: np.ndarray) -> None:
        self.worlds.restart(np.flatnonzero(mask), self.np_random)
        self._ended = np.zeros(self.num_envs, bool) if self._ended is None else self._ended & ~mask
        self._steps[mask] = 0

    def _mask(self, mask: np.ndarray | None) -> BoolArray:
        """`mask`, or all worlds if there is none.

        Raises:
            InvalidValueError: It is no mask of the worlds, or leaves some out at the first reset.
        """
        if mask is None:
            return np.ones(self.num_envs, bool)
        mask = np.asarray(mask)
        shaped = mask.shape == (self.num_envs,) and mask.dtype == bool
        if not shaped or not mask.any() or (self._ended is None and not mask.all()):
            raise InvalidValueError(
                "resetting worlds",
                f"the mask {mask.tolist()}",
                f"{self.num_envs} times true or false, not all false, and all true the first time",
                "fix options={'reset_mask': ...}",
            )
        return mask

    def render(self) -> tuple[Array, ...] | None:
        """Each world's picture (height, width, 3) uint8; None with `render_mode=None`."""
        return tuple(self.worlds.pictures(range(self.num_envs))) if self.render_mode == PICTURES else None

    def close_extras(self, **kwargs: Any) -> None:
        """Frees both engines."""
        self.worlds.close()
