"""One world as a gymnasium.Env."""

from typing import Any

import gymnasium
import numpy as np

from lace.core.draws import seed64
from lace.core.geometry import Array
from sim_envs.grasp_env.config import PICTURES, checked_mode, options_of
from sim_envs.grasp_env.worlds import GraspWorlds


class GraspEnv(gymnasium.Env):
    """Grasp the target and lift it. The keyword arguments are the fields of GraspEnvConfig.

    The reward is in [0, 1]: a fifth for being near the target, a fifth for touching it, the rest for lifting it. An
    episode is truncated at its end, and terminated before only with `terminate_on_success`; `info["success"]` says
    whether the target is held now.
    """

    metadata = {"render_modes": [PICTURES], "render_fps": 10}

    def __init__(self, render_mode: str | None = PICTURES, **options: Any):
        self.config, self.render_mode = options_of(**options), checked_mode(render_mode)
        self.metadata = self.metadata | {"render_fps": self.config.rate_hz}
        self.worlds = GraspWorlds(self.config, 1)
        self.action_space, self.observation_space = self.worlds.action_space, self.worlds.observation_space
        self._step = 0

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """See gymnasium.Env; a new scene."""
        super().reset(seed=None if seed is None else seed64(seed))
        self._step = 0
        self.worlds.restart(np.arange(1), self.np_random)
        seen, _reward, facts = self.worlds.observe()
        return _first(seen), _plain(facts)

    def step(self, action: Array) -> tuple[dict, float, bool, bool, dict]:
        """See gymnasium.Env."""
        self._step += 1
        self.worlds.move(np.asarray(action, float)[None], np.arange(1))
        seen, reward, facts = self.worlds.observe()
        terminated = bool(self.config.terminate_on_success and facts["success"][0])
        return _first(seen), float(reward[0]), terminated, self._step >= self.config.steps, _plain(facts)

    def render(self) -> Array | None:
        """The camera's picture (height, width, 3) uint8; None with `render_mode=None`."""
        return self.worlds.pictures([0])[0] if self.render_mode == PICTURES else None

    def close(self) -> None:
        """Frees both engines."""
        self.worlds.close()


def _first(rows: dict[str, Array]) -> dict[str, Array]:
    return {name: value[0] for name, value in rows.items()}


def _plain(facts: dict[str, Array]) -> dict[str, Any]:
    return {name: value[0].item() for name, value in facts.items()}
