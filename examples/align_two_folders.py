"""LACE on two dataset folders: fine-tune a backbone so that robot and human hands look alike to it.

python examples/align_two_folders.py runs/first runs/human runs/lace [BACKBONE]
"""

import sys
from pathlib import Path

from lace.alignment import finetune
from lace.alignment.augmentation import AugmentConfig
from lace.alignment.config import TrainConfig
from lace.alignment.finetune import FinetuneConfig


def main(robot: Path, human: Path, out: Path, backbone: str = "efficientnet-lite0", steps: int = 200) -> Path:
    """Trains for `steps` steps with our short recipe; returns the folder of the aligned backbone."""
    recipe = TrainConfig(iterations=steps, batch=4, learning_rate=3e-4, warmup=20, tau=0.1, all_pairs=True, seed=0)
    config = FinetuneConfig(robot, human, out, backbone=backbone, train=recipe, augment=AugmentConfig())
    finetune.main(config)
    return out / "backbone"


if __name__ == "__main__":
    robot, human, out, *backbone = sys.argv[1:]
    print(main(Path(robot), Path(human), Path(out), *backbone))
