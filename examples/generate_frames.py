"""Generate labelled robot frames from Python, then look at one.

python examples/generate_frames.py runs/from_python
"""

import sys
from pathlib import Path

from lace.data.dataset import FrameDataset
from sim_envs.config.generate import GenerateConfig
from sim_envs.config.scene import with_preset
from sim_envs.frames import generate


def main(out: Path, frames: int = 24, size: int = 224, preset: str = "lab", kind: str = "robot") -> FrameDataset:
    """Generates `frames` frames of `size` px, or what is missing of them, and opens them."""
    config = GenerateConfig(out=out, frames=frames, width=size, height=size, seed=1)
    generate.main(with_preset(config, preset), kind)
    dataset = FrameDataset(out)
    record = dataset[0]
    print(f"frame 0 shows {record.embodiment} in the {record.room}; boxes: {', '.join(record.boxes)}")
    return dataset


if __name__ == "__main__":
    main(Path(sys.argv[1]))
