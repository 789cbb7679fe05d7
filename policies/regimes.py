"""Train and test demonstrations of the paper's data regimes (sec. 5.3), and the check that they do not overlap."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lace.core.errors import DatasetError
from lace.core.files import publish_bytes, reading
from lace.core.registry import Registry
from lace.data.origins import Origins, read_origins, require_held_out
from policies.labelled import LabelledFrames, joined

MANIFEST = "manifest.json"
"""In a bundle: which demonstrations it was trained and tested on."""
REGIMES: Registry[float] = Registry("data regime")
"""Share of the robot's demonstrations that train beside all human ones."""
REGIMES.add("zero", 0.0)
REGIMES.add("few", 0.1)
REGIMES.add("co", 1.0)


@dataclass(frozen=True)
class Split:
    """Frames to train on and named sets to test on."""

    train: LabelledFrames
    tests: Mapping[str, LabelledFrames]

    def __post_init__(self):
        mine = {episode.digest: episode for episode in self.train.episodes}
        pictures = set(self.train.image_digest)
        for name, test in self.tests.items():
            for i, episode in enumerate(test.episode):
                twin = mine.get(episode.digest)
                if twin is None and test.image_digest[i] not in pictures:
                    continue
                where = f"demonstration {twin.number} of {twin.folder}" if twin else "a training image"
                raise DatasetError(
                    "splitting demonstrations",
                    f"demonstration {episode.number} of {episode.folder} ({name}) is also {where}, which trains",
                    "no demonstration in both",
                    "give other folders, or generate the test set from another seed",
                )

    def manifest(self) -> dict[str, list[dict]]:
        """Every demonstration's folder, number, frames and hash, of "train" and of each test set."""
        parts = {"train": self.train, **{f"test {name}": test for name, test in self.tests.items()}}
        return {name: [asdict(episode) for episode in part.episodes] for name, part in parts.items()}

    def save(self, path: Path) -> None:
        """Writes the manifest as JSON."""
        publish_bytes(path, json.dumps(self.manifest(), indent=1).encode())


def require_unseen(backbone: str, tests: Mapping[str, LabelledFrames]) -> None:
    """Raises InvalidValueError where frames to test on have trained the backbone; its folder's manifest says which."""
    training = read_origins(backbone)
    if training == Origins():
        return
    for name, test in tests.items():
        require_held_out(training, Origins.of(test.sources[source][frame] for source, frame in test.row), name)


def require_untrained(policy: Path, tests: Mapping[str, LabelledFrames]) -> None:
    """Raises DatasetError where demonstrations to test on have trained the policy of a bundle, as its manifest says."""
    path = policy / MANIFEST
    trained: set[str] = set()
    if path.is_file():
        with reading(path, "the manifest that `lace policy train` wrote", "restore it, or train the policy again"):
            trained = {str(row["digest"]) for row in json.loads(path.read_bytes())["train"]}
    for name, test in tests.items():
        both = [episode for episode in test.episodes if episode.digest in trained]
        if both:
            raise DatasetError(
                f"testing the policy {policy} on {name}",
                f"{len(both)} of {len(test.episodes)} demonstrations have trained it, such as {both[0].number}",
                "demonstrations that it has not seen",
                "give other folders, or generate the test set from another seed",
            )


def training_frames(
    human: Sequence[LabelledFrames], robot: Sequence[LabelledFrames], regime: str = "zero"
) -> LabelledFrames:
    """All human demonstrations, and the regime's share of each robot set's first ones, rounded up.

    Raises:
        DatasetError: The regime asks for robot demonstrations and none are given, or nothing is left to train on.
    """
    share, parts = REGIMES[regime], list(human)
    if share and not robot:
        raise DatasetError(
            f"choosing the frames of regime {regime!r}",
            "no robot demonstrations were given",
            "at least one dataset",
            "give --robot, or --regime zero",
        )
    for frames in robot if share else ():
        parts.append(frames.first_episodes(math.ceil(share * len(frames.episodes) - 1e-9)))
    if not parts:
        raise DatasetError(
            "choosing training frames", "neither human nor robot demonstrations were given", "some", "give --human"
        )
    return joined(parts)
