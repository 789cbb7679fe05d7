"""MediaPipe's own results on pictures. It needs NumPy 1, so this runs in a separate environment.

    uv run --isolated --no-project --with mediapipe==0.10.21 --with "numpy<2" python mediapipe_answers.py IN OUT

IN is a .npz of RGB pictures (height, width, 3) uint8; OUT becomes a json: picture name -> hands, each with `uv`
(21 x 2) [px], `label` as MediaPipe writes it (for mirrored pictures) and `score`.
"""

import json
import sys
from pathlib import Path

import mediapipe
import numpy as np

MOST_HANDS = 4


def answers(pictures: dict[str, np.ndarray]) -> dict[str, list[dict]]:
    """Hands of each picture, in MediaPipe's order."""
    found = {}
    with mediapipe.solutions.hands.Hands(static_image_mode=True, max_num_hands=MOST_HANDS, model_complexity=1) as model:
        for name, picture in pictures.items():
            height, width = picture.shape[:2]
            said = model.process(picture)
            found[name] = [
                {
                    "uv": [[round(p.x * width, 3), round(p.y * height, 3)] for p in points.landmark],
                    "label": kind.classification[0].label,
                    "score": round(kind.classification[0].score, 4),
                }
                for points, kind in zip(said.multi_hand_landmarks or [], said.multi_handedness or [], strict=True)
            ]
    return found


if __name__ == "__main__":
    with np.load(sys.argv[1]) as pictures:
        Path(sys.argv[2]).write_text(json.dumps(answers({name: pictures[name] for name in pictures.files})))
