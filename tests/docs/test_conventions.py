"""docs/conventions.md agrees with the code: columns, boxes, segments, visibility, units."""

import re

from assets.humans.hand import HumanHand
from lace.core.files import TEMPORARY_SUFFIX
from lace.core.keypoints import Visibility
from lace.data.dataset import META_NAME, SHARDS_NAME
from lace.data.schema import BOX_NAMES, DEPTH_UNIT_M, METADATA_KEY, SCHEMA, box_column
from lace.data.shards import shard_name
from sim_envs.bodies.human.body import human_parts
from sim_envs.bodies.robot.body import robot_parts
from sim_envs.frames.labels import BEHIND
from sim_envs.scenes.slots import MAX_DISTRACTORS, layout_for
from tests import ROOT

PAGE = (ROOT / "docs" / "conventions.md").read_text()


def rows(first_header: str) -> list[list[str]]:
    """Cells of the table whose first column has this header."""
    block = re.search(rf"^\| {first_header} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE).group(1)
    return [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in block.splitlines()]


def test_columns_are_the_schema():
    written = {name.strip("`"): (kind, null == "null") for name, kind, _, null in rows("column")}
    stored = {f.name: (str(f.type).replace("element: ", "").replace("item: ", ""), f.nullable) for f in SCHEMA}
    assert written == stored
    assert list(written) == SCHEMA.names


def test_boxes_and_visibility():
    names = re.findall(r"^\| `(\w+@\w+)`", PAGE, re.MULTILINE)
    assert sorted(names) == sorted(BOX_NAMES)
    assert {box_column(name) for name in names} <= set(SCHEMA.names)
    assert [(int(value), name.strip("`")) for value, name, _ in rows("value")] == [
        (v.value, v.name) for v in Visibility
    ]
    assert f"not more than {100 * BEHIND:g} cm behind" in PAGE


def test_segments(robot):
    segments = layout_for(robot_parts(robot), 21).segments
    for segment in (*segments, *layout_for(human_parts(HumanHand()), 21).segments):
        shown = "robot/<link>" if segment.name.startswith("robot/") else re.sub(r"_[1-4]$", "_0", segment.name)
        assert f"`{shown}`" in PAGE, segment.name
        assert f"`{segment.semantic}`" in PAGE
    assert f"`distractor_{MAX_DISTRACTORS - 1}`" in PAGE
    assert {"robot/link7", "robot/leap_if_ds"} <= {segment.name for segment in segments}


def test_units_and_files():
    assert f"one step is {1000 * DEPTH_UNIT_M:g} mm" in PAGE and f"65535 is {65535 * DEPTH_UNIT_M:.3f} m" in PAGE
    assert f"DIR/{META_NAME}" in PAGE and f"DIR/{SHARDS_NAME}/{shard_name(0)}" in PAGE
    assert f"`*{TEMPORARY_SUFFIX}`" in PAGE and f"metadata key `{METADATA_KEY.decode()}`" in PAGE
