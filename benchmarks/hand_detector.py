"""Our decoding of MediaPipe's hand models against MediaPipe itself, on human frames turned, mirrored and put together.

    uv run python -m benchmarks.hand_detector DATASET [--golden FOLDER]

DATASET is a folder of `lace generate human` with near frames, of at least 40. `--golden` keeps six of the pictures and
MediaPipe's answers, which `tests/test_hand_detector.py` reads.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np
import tyro

from lace.data.dataset import FrameDataset
from lace.data.hands.detector import Hand, HandDetector
from lace.data.schema import encode_image

MOST_HANDS = 4
MEDIAPIPE = ("uv", "run", "--isolated", "--no-project", "--with", "mediapipe==0.10.21", "--with", "numpy<2", "python")
REFERENCE_PX = 256
"""Errors are given for pictures of this longer side."""
GOLDEN = ("plain_0", "mirrored_0", "turned_1", "two_0", "four_1", "portrait_0")


def pictures(frames: list[np.ndarray]) -> dict[str, np.ndarray]:
    """68 pictures with none to four hands: plain, left hands, quarter turns, side by side, landscape, portrait."""
    left = [frame[:, ::-1] for frame in frames]
    made = {f"plain_{i}": frame for i, frame in enumerate(frames[:24])}
    made |= {f"mirrored_{i}": frame for i, frame in enumerate(left[:10])}
    made |= {f"turned_{i}": np.rot90(frame, i % 3 + 1) for i, frame in enumerate(frames[24:34])}
    made |= {f"two_{i}": np.concatenate([frames[2 * i], left[2 * i + 1]], 1) for i in range(8)}
    for i in range(4):
        rows = [np.concatenate([frames[4 * i + k], left[4 * i + k + 1]], 1) for k in (0, 2)]
        made[f"four_{i}"] = cv2.resize(np.concatenate(rows), (320, 320), interpolation=cv2.INTER_AREA)
    for i in range(6):
        made[f"landscape_{i}"] = cv2.resize(frames[34 + i], (640, 480), interpolation=cv2.INTER_CUBIC)
        made[f"portrait_{i}"] = cv2.resize(frames[34 + i], (180, 320), interpolation=cv2.INTER_CUBIC)
    return {name: np.ascontiguousarray(picture) for name, picture in made.items()}


def jpeg(picture: np.ndarray) -> bytes:
    """The picture as the tests keep it."""
    return encode_image(picture, "jpg", 92)


def mediapipe_says(made: dict[str, np.ndarray]) -> dict[str, list[dict]]:
    """MediaPipe's own answers, computed in a separate environment."""
    with tempfile.TemporaryDirectory() as folder:
        asked, said = Path(folder) / "pictures.npz", Path(folder) / "answers.json"
        np.savez(asked, **made)
        script = Path(__file__).with_name("mediapipe_answers.py")
        subprocess.run([*MEDIAPIPE, str(script), str(asked), str(said)], check=True, stderr=subprocess.DEVNULL)
        return json.loads(said.read_text())


def differences(hands: list[Hand], said: list[dict], longer: int) -> list[tuple[float, bool, float]]:
    """(largest keypoint distance [px of REFERENCE_PX], same handedness, its difference) of each hand, in order."""
    rows = []
    for hand, other in zip(hands, said, strict=True):
        away = np.linalg.norm(hand.keypoints_uv - np.array(other["uv"]), axis=1).max() * REFERENCE_PX / longer
        right = other["label"] == "Left"  # MediaPipe speaks of mirrored pictures
        score = hand.right if right else 1 - hand.right
        rows.append((float(away), right == hand.is_right, abs(score - other["score"])))
    return rows


def main(dataset: Path, /, golden: Path | None = None) -> None:
    """Prints how far we are from MediaPipe.

    Args:
        dataset: Near human frames.
        golden: Folder for the pictures and answers of the tests.
    """
    made = pictures([record.image for record, _ in zip(FrameDataset(dataset), range(40), strict=False)])
    decoded = {
        name: cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg(picture), np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        for name, picture in made.items()
    }
    said, detector = mediapipe_says(decoded), HandDetector(most=MOST_HANDS)
    ours = {name: detector.hands(picture) for name, picture in decoded.items()}
    same = [name for name in ours if len(ours[name]) == len(said[name])]
    rows = [row for name in same for row in differences(ours[name], said[name], max(decoded[name].shape[:2]))]
    away, agree, score = (np.array(column) for column in zip(*rows, strict=True))
    print(f"{len(same)} of {len(ours)} pictures with the same number of hands, {len(rows)} hands")
    print(
        f"a hand's largest keypoint distance, px of {REFERENCE_PX}: median {np.median(away):.3f}, most {away.max():.3f}"
    )
    print(f"same handedness: {agree.sum()} of {len(agree)}; its score differs by {score.max():.4f} at most")
    if golden:
        golden.mkdir(parents=True, exist_ok=True)
        for name in GOLDEN:
            (golden / f"{name}.jpg").write_bytes(jpeg(made[name]))
        (golden / "mediapipe_0.10.21.json").write_text(json.dumps({name: said[name] for name in GOLDEN}, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
