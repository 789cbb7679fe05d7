"""Film one simulated grasp.

python examples/film_trial.py runs/film
"""

import sys
from pathlib import Path

from sim_envs.config.scene import with_preset
from sim_envs.simulate import command
from sim_envs.simulate.config import SimulateConfig


def main(out: Path, policy: str = "oracle", trial: int = 0) -> list[Path]:
    """Runs trials up to number `trial`, films that one, and returns the films."""
    config = SimulateConfig(out=out, policy=(policy,), trials=trial + 1, film=(trial,), seed=5)
    command.main(with_preset(config, "lab"))
    return sorted(out.rglob("*.mp4"))


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
