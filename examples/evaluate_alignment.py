"""Measure how well keypoints match across held-out robot and human images.

python examples/evaluate_alignment.py runs/robot_test runs/human_test runs/evaluated runs/lace/backbone
"""

import json
import sys
from pathlib import Path

from lace.measure import evaluate_correspondence
from lace.measure.evaluate_correspondence import CorrespondenceConfig


def main(robot: Path, human: Path, out: Path, backbone: str, images: int = 100, size: int = 224) -> dict:
    """Prints end point error, cosine similarity, PCK and part accuracy with intervals; returns them."""
    config = CorrespondenceConfig(robot=robot, human=human, out=out, backbone=backbone, images=images, image_size=size)
    evaluate_correspondence.main(config)
    return json.loads((out / "correspondence.json").read_text())


if __name__ == "__main__":
    robot, human, out, backbone = sys.argv[1:]
    main(Path(robot), Path(human), Path(out), backbone)
