"""MediaPipe's palm and hand models: two files of its pinned wheel, or of a folder of the user's own."""

from pathlib import Path

from lace.core.wheels import WheelAsset, asset_folder

HAND_MODELS = WheelAsset(
    name="hand_models",
    package="mediapipe",
    version="0.10.21",
    sha256="956eb1ebc275c629e61b085b2cab89c3a5b9e93bad1bb107348d98dafb5a4bb5",
    folder="mediapipe/modules",
    only=("palm_detection/palm_detection_full.tflite", "hand_landmark/hand_landmark_full.tflite"),
    licence="Apache-2.0",
    licence_file="mediapipe-0.10.21.dist-info/LICENSE",
    size_mb=36,
    probe="hand_landmark/hand_landmark_full.tflite",
    platform="manylinux_2_28_x86_64",
)
"""The wheel is compiled for one platform, but the models in it run on any."""


def hand_models(own: Path | None = None) -> tuple[Path, Path]:
    """The palm model's file and the hand model's; fetched on first use.

    Args:
        own: The user's folder; `own/hand_models/palm_detection/...` and `own/hand_models/hand_landmark/...` are taken.

    Raises:
        AssetError: See `asset_folder`.
    """
    folder = asset_folder(HAND_MODELS, own)
    palm, hand = (folder / file for file in HAND_MODELS.only)
    return palm, hand
