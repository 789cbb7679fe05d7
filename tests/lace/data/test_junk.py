"""Invalid generated input to every reader: the result verifies or a LaceError is raised, and no other error."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lace.core.errors import LaceError
from lace.core.run_identity import RunIdentity
from lace.data.annotate.session import LABELS_NAME, Session
from lace.data.coco import export_coco
from lace.data.dataset import FrameDataset
from lace.data.imports import coco, hint, lerobot
from lace.data.imports.images import read_image
from lace.data.imports.writing import SkipFrame, write_frames
from lace.data.verify import verify_dataset
from tests.hints import ALL, hand, put
from tests.lace.data.imports.test_coco import document
from tests.synthetic import make_dataset

EXAMPLES = int(os.environ.get("LACE_JUNK_EXAMPLES", "25"))
"""Examples of each property; raise it for a long search."""
SETTINGS = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\0", "..", "/", "x" * 300, "\ud800", "wrist", "f0.png", 1, 2, 0])
)
JSON = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=6), below, max_size=4),
    max_leaves=8,
)
BYTES = st.binary(max_size=200) | st.sampled_from(
    [b"", b"{", b"[" * 9_999, b"version https://git-lfs.github.com/spec/v1"]
)


def places(value, path=()):
    """Paths of all values inside a JSON value, itself included."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


@st.composite
def damaged(draw, original):
    """A copy of a JSON value in which one to three values at any depth are invalid or removed."""
    value = json.loads(json.dumps(original))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(value))))
        if not path:
            return draw(JSON)
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        if draw(st.booleans()) and isinstance(holder, dict):
            del holder[path[-1]]
        else:
            holder[path[-1]] = draw(JSON)
    return value


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 255, (6, 8, 3), np.uint8)
        cv2.imwrite(str(folder / f"f{i}.png"), cv2.resize(pixels, (80, 60)))
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("dataset") / "ds", 2, 2, 32)


def written(candidates):
    """Writes the candidates; every accepted frame passes the checks of `lace data verify`."""
    with tempfile.TemporaryDirectory() as folder:
        report = write_frames(Path(folder) / "out", candidates, {})
        assert report.n_frames + len(report.skipped) == len(candidates)
        if report.n_frames:
            assert not verify_dataset(report.out).problems


@SETTINGS
@given(content=damaged(document(2)))
@example(content=document(2) | {"images": [{"id": 1, "file_name": "f0.png", "width": 10**400, "height": 60}]})
def test_coco(content, pictures):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "l.json").write_text(json.dumps(content))
        try:
            found = coco.candidates(Path(folder) / "l.json", pictures, {"wrist": "wrist"}, "hand")
        except LaceError:
            return
        written(found)


@SETTINGS
@given(content=BYTES)
def test_coco_bytes(content, pictures):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "l.json").write_bytes(content)
        with pytest.raises(LaceError):
            coco.candidates(Path(folder) / "l.json", pictures, {"wrist": "wrist"}, "hand")


def label():
    uv, box = hand()
    return [{"bbox": [box.tolist()], "keypoints": uv.tolist(), "occlusion": [0] * 21, "existence": [1] * 21}]


@SETTINGS
@given(content=damaged(label()).map(lambda value: json.dumps(value).encode()) | BYTES, crop=st.booleans())
def test_hint(content, crop):
    with tempfile.TemporaryDirectory() as folder:
        put(Path(folder) / "VAL_epick_img", "EK_1_r")
        (Path(folder) / "VAL_epick_img" / "EK_1_r.json").write_bytes(content)
        written(hint.candidates(folder, *ALL, crop=crop, image_size=32))


@SETTINGS
@given(
    content=damaged(
        {
            "format": "lace annotations 1",
            "frames": {
                "f0.png": {
                    "skipped": False,
                    "points": {"wrist": [10, 20, "visible"], "thumb_tip": [None, None, "absent"]},
                }
            },
        }
    ).map(lambda v: json.dumps(v).encode())
    | BYTES
)
def test_labels_of_the_annotation_page(content, pictures):
    with tempfile.TemporaryDirectory() as folder:
        for file in pictures.iterdir():
            shutil.copy(file, folder)
        (Path(folder) / LABELS_NAME).write_bytes(content)
        try:
            session = Session(folder)
        except LaceError:
            return
        written(session.candidates("hand"))


INFO = {
    "codebase_version": "v3.0",
    "total_episodes": 1,
    "fps": 10,
    "features": {"observation.images.front": {"dtype": "image", "shape": [48, 64, 3], "names": None}},
}


@SETTINGS
@given(content=damaged(INFO).map(lambda value: json.dumps(value).encode()) | BYTES)
def test_lerobot(content):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "meta").mkdir()
        (Path(folder) / "data").mkdir()
        (Path(folder) / "data" / "file.parquet").write_bytes(b"PAR1")
        (Path(folder) / "meta" / "info.json").write_bytes(content)
        with pytest.raises(LaceError):
            lerobot.candidates(folder, 0, 2, "robot")


@SETTINGS
@given(content=BYTES | st.binary(min_size=1, max_size=60).map(lambda tail: b"\x89PNG\r\n\x1a\n" + tail))
def test_images(content):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.png").write_bytes(content)
        with pytest.raises(SkipFrame):
            read_image(Path(folder) / "a.png")


@SETTINGS
@given(meta=damaged({"frames": 2, "embodiment": "synthetic"}).map(lambda value: json.dumps(value).encode()) | BYTES)
def test_dataset_json(meta, dataset):
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(dataset, Path(folder) / "ds")
        (copy / "dataset.json").write_bytes(meta)
        try:
            assert verify_dataset(copy).n_frames == len(list(FrameDataset(copy))) == 2
        except LaceError:
            return


@SETTINGS
@given(data=st.data())
def test_shard_bytes(data, dataset):
    """A shard with changed or truncated bytes: verify reports it; reading raises a LaceError or returns the frames."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(dataset, Path(folder) / "ds")
        (shard,) = (copy / "shards").glob("*.parquet")
        content = bytearray(shard.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        shard.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
        try:
            verify_dataset(copy)
            export_coco(FrameDataset(copy), Path(folder) / "coco")
        except LaceError:
            return


@SETTINGS
@given(content=damaged({"config": {"seed": 1}}).map(lambda value: json.dumps(value).encode()) | BYTES)
def test_identity_files(content):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "run.json").write_bytes(content)
        (Path(folder) / "result.txt").write_text("precious")
        try:
            with RunIdentity(Path(folder) / "run.json", "a run", {"config": {"seed": 1}}).opened():
                pass
        except LaceError:
            return
        assert json.loads(content)["config"] == {"seed": 1}
