"""Checks that each dataset shows the declared kind of hand, and that no dataset is given twice."""

from collections.abc import Mapping

from lace.core.counting import counted
from lace.core.errors import InvalidValueError
from lace.data.dataset import FrameDataset
from lace.data.origins import Origins

HUMAN, ROBOT = "human", "robot"
DRAWN_OVER = "drawn over"
"""In the facts of a dataset in which a robot is drawn over a human: what the human is. It stands for a human's."""


def require_roles(datasets: Mapping[str, FrameDataset]) -> None:
    """Checks the datasets of several embodiments before anything heavy is loaded.

    A dataset shows a human if its frames name an embodiment "human..." or hold a segment of a human; it shows a robot
    if its frames hold a segment of a robot. Photographs of robots say neither and are accepted.

    Args:
        datasets: Role ("human", "robot", or the name given to --more) -> dataset.

    Raises:
        InvalidValueError: A folder is given twice, the "human" frames show a robot, or other frames show a human.
    """
    folders: dict[str, str] = {}
    for role, dataset in datasets.items():
        for folder in map(str, (folder.resolve() for folder in dataset.folders)):
            if folder in folders:
                raise InvalidValueError(
                    "opening the datasets",
                    f"{folders[folder]} and {role} are both {folder}",
                    "another dataset for each embodiment, each folder once",
                    f"give another folder for {role}",
                )
            folders[folder] = role
        require_role(role, dataset)


def require_role(role: str, dataset: FrameDataset) -> None:
    """Raises InvalidValueError if the "human" frames show a robot, or others a human; see `require_roles`."""
    names = dataset.embodiments()
    semantics = {segment.semantic for segment in dataset[0].segments}
    human = any(name.startswith(HUMAN) for name in names) or HUMAN in semantics or DRAWN_OVER in dataset.meta
    robot = ROBOT in semantics
    if (role == HUMAN and robot and not human) or (role != HUMAN and human):
        raise InvalidValueError(
            f"opening {dataset.place} as the {role} frames",
            f"it shows {', '.join(names)}",
            f"frames of a {'human' if role == HUMAN else 'robot'} hand",
            "exchange the folders of --human and the others",
        )


def require_disjoint(origins: Mapping[str, Origins]) -> None:
    """Raises InvalidValueError if two embodiments' frames share an image (a copy of one dataset under two names)."""
    roles = list(origins)
    for i, first in enumerate(roles):
        for second in roles[i + 1 :]:
            shared = origins[first].images & origins[second].images
            if shared:
                raise InvalidValueError(
                    "comparing the datasets",
                    f"{counted(len(shared), 'image')} of the {first} frames in the {second} frames too",
                    "datasets of different embodiments",
                    "give each embodiment its own frames",
                )
