"""`lace data replace-background`: puts the hands of a dataset in front of photographs, rooms or textures."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from assets.textures import TEXTURES
from lace.cli.imports import note, run
from lace.core.camera import PinholeCamera
from lace.core.draws import Draws, generator, seed64
from lace.core.errors import InvalidValueError
from lace.data.dataset import FrameDataset
from lace.data.imports.backgrounds import Backgrounds, Masker, candidates
from sim_envs.config.scene import SceneConfig, with_preset
from sim_envs.rendering.slot_table import PARKED

SIZE = 448
"""Edge of rooms and textures before they are scaled to the image [px]."""
ROOMS_STREAM = 11
"""Any number that no other use of the seed has."""
EMPTY_POSES = 16
"""Poses in the bank of the robot that is not drawn: the least that can be asked for."""


class Photos:
    """A random photograph of a folder, randomly cropped."""

    def __init__(self, folder: Path, seed: int):
        import sim_envs.rendering.warp_start  # noqa: F401  # isort: skip  (before Warp is used, which starts it)
        import warp as wp  # takes a while to import, like the next

        from assets.backdrops.photos import PhotoFolder

        self.photos, self.seed = PhotoFolder(folder), seed
        self.sources: tuple[Path, ...] = (folder,)
        self._picture = wp.empty((1, SIZE, SIZE, 3), dtype=wp.uint8, device=self.photos.device)

    def picture(self, index: int) -> tuple[str, np.ndarray]:
        """See Backgrounds."""
        draw = Draws(self.seed, np.array([index])).unit("background", 3)
        square = PinholeCamera(np.eye(3)[None], np.eye(4)[None], SIZE, SIZE)
        self.photos.render(square, draw, self._picture)
        return self.photos.path.name, self._picture.numpy()[0].copy()


class Textures:
    """A random one of our textures, filling the picture."""

    sources: tuple[Path, ...] = ()

    def __init__(self, seed: int):
        self.seed = seed

    def picture(self, index: int) -> tuple[str, np.ndarray]:
        """See Backgrounds."""
        rng = generator(self.seed, index)
        name = TEXTURES.names()[int(rng.integers(len(TEXTURES)))]
        return name, TEXTURES[name].make(rng, SIZE)


class Rooms:
    """A random one of our rooms with table and clutter, drawn without robot and target."""

    sources: tuple[Path, ...] = ()

    def __init__(self, seed: int):
        from sim_envs.frames.source import SimulatedFrames  # the engine takes seconds to import

        # Not the seed itself: a dataset of ours made with it would get its own rooms back.
        other = int(np.random.SeedSequence([seed64(seed), ROOMS_STREAM]).generate_state(1)[0])
        config = with_preset(SceneConfig(seed=other, width=SIZE, height=SIZE), "randomized")
        axes = replace(config.axes, hand=replace(config.axes.hand, poses=EMPTY_POSES))
        self.source = SimulatedFrames(replace(config, axes=axes), worlds=1)

    def picture(self, index: int) -> tuple[str, np.ndarray]:
        """See Backgrounds."""
        batch, layout = self.source.compose(np.array([index]), np.zeros(1, int)), self.source.layout
        for slots in (layout.body, layout.target, layout.table.stop - 1):  # the last of the table's is the pedestal
            batch.table.T[:, slots, :3, 3] = PARKED
        rgb, _segment, _depth = self.source.draw(batch)
        return str(batch.rooms[0]), rgb.numpy()[0]


def open_backgrounds(backdrop: str, seed: int) -> Backgrounds:
    """Backgrounds by the word "rooms" or "textures", or from a folder of photographs; InvalidValueError otherwise."""
    if backdrop == "rooms":
        return Rooms(seed)
    if backdrop == "textures":
        return Textures(seed)
    if not Path(backdrop).is_dir():
        raise InvalidValueError(
            "choosing backgrounds",
            f"{backdrop!r} is no folder",
            "a folder of photographs, `rooms` or `textures`",
            "check the path",
        )
    return Photos(Path(backdrop), seed)


def replace_background(
    folder: Path, /, out: Path, backdrop: str = "rooms", segmenter: str | None = None, text: str = "hand", seed: int = 0
) -> int:
    """Put other backgrounds behind the hands of a dataset.

    What stays is masked by the dataset's own segmentation (the embodiment and the target), where it has none by
    --segmenter, else by GrabCut around the keypoints; each frame's draws say which (background.mask).

    Args:
        folder: Dataset folder.
        out: New dataset folder.
        backdrop: Folder of photographs, or `rooms` (ours, rendered), or `textures` (ours).
        segmenter: Hub name or folder of SAM 3 or of a semantic segmentation model for `transformers`.
        text: What the segmenter is asked for: a text for SAM 3, else part of a class name.
        seed: Of the backgrounds.
    """
    dataset = FrameDataset(folder)
    masker = Masker(query=text)
    if segmenter:
        from lace.data.imports.detectors import load_segmenter

        masker.segmenter = load_segmenter(segmenter)
    found = candidates(dataset, masker, open_backgrounds(backdrop, seed))
    facts = {"embodiment": dataset.meta.get("embodiment"), "backdrop": backdrop, "segmenter": segmenter, "seed": seed}
    code = run(
        out, found, {"source": f"{Path(folder).name} before other backgrounds", "text": text, **facts}, segmenter
    )
    ways = ", ".join(f"{count} by {_WAYS[way]}" for way, count in masker.used.items())
    note(f"masked in this run: {ways or 'none'}")
    return code


_WAYS = {
    "segmentation": "the dataset's segmentation",
    "segmenter": "the segmentation model",
    "grabcut": "GrabCut around the keypoints (no segmentation model was given)",
}
