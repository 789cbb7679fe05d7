"""Draws the README's picture (docs/contact_sheet.jpg) from two generated datasets.

uv run lace generate robot --frames 12 --shard-frames 12 --seed 1 --out runs/picture/robot
uv run lace generate human --frames 12 --shard-frames 12 --seed 2 --out runs/picture/human
uv run python -m tools.readme_picture runs/picture docs/contact_sheet.jpg
"""

import sys
from pathlib import Path

import cv2

from lace.core.files import publish_bytes
from lace.data.dataset import FrameDataset
from lace.data.show import caption, contact_sheet

COLUMNS, ROWS_EACH, TILE_PX = 5, 2, 236
JPEG_QUALITY = 88


def main(folder: Path, out: Path) -> None:
    """Publishes a JPEG: rows of robot frames, then rows of human frames, with their labels drawn."""
    count = COLUMNS * ROWS_EACH
    robot, human = (FrameDataset(folder / name) for name in ("robot", "human"))
    records = [dataset[i] for dataset in (robot, human) for i in range(count)]
    captions = [caption(record) for record in records]
    sheet = contact_sheet(records, COLUMNS, TILE_PX, True, "lace generate robot, lace generate human", captions)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    publish_bytes(out, cv2.imencode(".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), options)[1].tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
