"""The target and its variants (the paper's unseen objects of a seen class), registered by name."""

from assets.objects.dinosaur import CHEEKS, NOSTRILS, SITTING, Blob, Doll, Eye, changed
from assets.objects.dinosaur_skin import Coat, paint
from assets.objects.spec import OBJECTS, ObjectSpec

LONG_NECK = Doll(
    blobs=(
        Blob("torso", (-0.6, 0, 2.9), (3.3, 2.6, 2.3)),
        Blob("limbs", (0.9, 0, 4.0), (1.55, 1.0, 0), end=(1.9, 0, 8.3), blend=1.6),
        Blob("head", (2.3, 0, 9.1), (1.75, 1.6, 1.45), blend=0.7),
        Blob("head", (3.5, 0, 8.7), (1.15, 1.1, 0.8), blend=0.9),
        Blob("limbs", (1.2, 1.5, 1.9), (1.0, 0.85, 0), end=(1.35, 1.6, 0.55), blend=0.5),
        Blob("limbs", (-2.2, 1.5, 1.9), (1.1, 0.9, 0), end=(-2.2, 1.65, 0.55), blend=0.5),
        Blob("limbs", (-3.0, 0, 2.8), (1.3, 0.35, 0), end=(-6.0, 0, 1.6), blend=1.4),
    ),
    head=(2.3, 0, 9.1),
    eye=Eye(0.75, 0.35, 0.42),
    plates=((1.9, 8.0, 2.6, 0.8), (1.6, 6.6, 2.9, 0.9), (1.2, 5.2, 2.8, 1.0), (-0.6, 3, 1.9, 1.1), (-0.6, 3, 2.6, 1.0)),
    extras=(((4.55, 0.33, 8.95), (0.12, 0.15, 0.12), NOSTRILS), ((3.3, 1.15, 8.55), (0.32, 0.18, 0.26), CHEEKS)),
)
T_REX = Doll(
    blobs=(
        Blob("torso", (0, 0, 4.3), (2.2, 2.1, 2.9), pitch=-0.25),
        Blob("head", (1.0, 0, 8.5), (2.3, 2.15, 2.0), blend=1.0),
        Blob("head", (3.1, 0, 8.0), (2.1, 1.65, 1.35), blend=1.0),
        Blob("head", (2.5, 0, 7.0), (1.8, 1.35, 0.7), pitch=0.1, blend=0.3),
        Blob("limbs", (-0.3, 1.75, 2.6), (1.5, 0.9, 0), end=(0.2, 1.9, 0.9), blend=0.5),
        Blob("limbs", (0.9, 1.9, 0.6), (1.4, 0.95, 0.65), blend=0.5),
        Blob("limbs", (1.7, 1.5, 5.4), (0.45, 0.32, 0), end=(2.7, 1.35, 4.9), blend=0.3),
        Blob("limbs", (-1.3, 0, 3.0), (1.6, 0.9, 0), end=(-4.0, 0, 1.6), blend=1.2),
        Blob("limbs", (-4.0, 0, 1.6), (0.9, 0.3, 0), end=(-6.0, 0, 2.2), blend=0.6),
    ),
    head=(1.0, 0, 8.5),
    eye=Eye(0.75, 0.5, 0.5),
    plates=(
        (1, 8.5, 1.6, 0.8),
        (1, 8.5, 2.2, 0.9),
        (1, 8.5, 2.8, 0.9),
        (0, 5.5, 2.8, 0.9),
        (0, 4, 2.9, 0.9),
        (-2.6, 2.2, 2.1, 0.8),
    ),
    horns=(((4.2, 0.9, 7.1), (4.25, 0.95, 6.55), 0.2), ((3.5, 1.25, 7.0), (3.55, 1.3, 6.45), 0.2)),
    extras=(((5.0, 0.4, 8.6), (0.15, 0.18, 0.15), NOSTRILS),),
)
TRICERATOPS = Doll(
    blobs=(
        Blob("torso", (-0.9, 0, 3.9), (3.4, 2.8, 2.7)),
        Blob("head", (2.2, 0, 5.7), (2.2, 2.1, 2.1), blend=0.8),
        Blob("head", (4.0, 0, 5.1), (1.3, 1.2, 1.1), pitch=0.3, blend=0.9),
        Blob("limbs", (1.0, 0, 7.4), (0.65, 3.2, 2.7), pitch=-0.45, blend=0.3),
        Blob("limbs", (1.1, 1.7, 2.2), (1.2, 1.0, 0), end=(1.2, 1.8, 0.75), blend=0.5),
        Blob("limbs", (-2.6, 1.7, 2.2), (1.3, 1.0, 0), end=(-2.6, 1.8, 0.75), blend=0.5),
        Blob("limbs", (-3.6, 0, 3.2), (1.2, 0.35, 0), end=(-5.8, 0, 1.9), blend=1.2),
    ),
    head=(2.2, 0, 5.7),
    eye=Eye(0.72, 0.35, 0.5),
    horns=(((3.0, 1.15, 7.2), (4.9, 1.6, 9.3), 0.45), ((4.9, 0, 5.8), (5.7, 0, 7.0), 0.42)),
    plates=((-1, 4, 1.9, 0.8), (-1, 4, 2.3, 0.8), (-1, 4, 2.7, 0.7)),
    extras=(((5.15, 0.4, 5.3), (0.13, 0.16, 0.13), NOSTRILS), ((3.9, 1.2, 4.9), (0.34, 0.2, 0.28), CHEEKS)),
)
STEGOSAURUS = Doll(
    blobs=(
        Blob("torso", (-0.4, 0, 4.2), (3.7, 2.6, 2.9)),
        Blob("limbs", (2.2, 0, 4.4), (1.5, 1.2, 0), end=(3.6, 0, 5.0), blend=1.4),
        Blob("head", (4.3, 0, 5.4), (1.9, 1.75, 1.6), blend=0.7),
        Blob("head", (5.6, 0, 5.0), (1.2, 1.15, 0.9), blend=0.8),
        Blob("limbs", (1.6, 1.6, 2.4), (1.1, 0.9, 0), end=(1.7, 1.7, 0.7), blend=0.5),
        Blob("limbs", (-2.3, 1.6, 2.4), (1.3, 1.0, 0), end=(-2.3, 1.7, 0.7), blend=0.5),
        Blob("limbs", (-3.2, 0, 3.6), (1.4, 0.5, 0), end=(-6.2, 0, 2.6), blend=1.4),
    ),
    head=(4.3, 0, 5.4),
    eye=Eye(0.72, 0.42, 0.45),
    plate_rows=2,
    plates=(
        (2.6, 4.6, 1.8, 1.3),
        (-0.4, 4, 1.2, 2.0),
        (-0.4, 4, 1.65, 2.7),
        (-0.4, 4, 2.15, 2.4),
        (-0.4, 4, 2.6, 1.7),
        (-4.3, 3.2, 2.0, 1.1),
    ),
    extras=(((6.7, 0.35, 5.25), (0.12, 0.15, 0.12), NOSTRILS), ((5.4, 1.15, 4.85), (0.3, 0.2, 0.26), CHEEKS)),
)
BABY = changed(
    SITTING,
    blobs=(
        Blob("torso", (0, 0, 2.6), (2.5, 2.6, 2.5)),
        Blob("head", (0.3, 0, 6.9), (3.1, 3.3, 2.9), blend=0.7),
        Blob("head", (2.6, 0, 6.0), (1.6, 1.8, 1.2), blend=1.2),
        Blob("limbs", (1.9, 1.7, 0.8), (1.35, 0.95, 0.8), blend=0.5),
        Blob("limbs", (1.3, 2.0, 3.7), (0.75, 0.6, 0), end=(2.5, 2.3, 3.0), blend=0.4),
        Blob("limbs", (-1.6, 0, 1.4), (1.3, 0.5, 0), end=(-3.6, 0, 1.2), blend=1.0),
    ),
    head=(0.4, 0, 6.8),
    eye=Eye(0.55, 0.3, 0.8),
    plates=((0.3, 6.9, 1.5, 1.0), (0.3, 6.9, 2.1, 1.1), (0.3, 6.9, 2.7, 1.0), (-0.2, 2.6, 2.9, 0.9)),
    extras=(((4.1, 0.35, 6.5), (0.14, 0.18, 0.14), NOSTRILS), ((2.75, 1.85, 5.8), (0.45, 0.25, 0.36), CHEEKS)),
)
STANDING = changed(
    SITTING,
    blobs=(
        Blob("torso", (0, 0, 4.0), (2.3, 2.4, 2.7), pitch=-0.15),
        *(part for part in SITTING.blobs if part.skin == "head"),
        Blob("limbs", (0.0, 1.4, 2.2), (1.2, 1.0, 0), end=(0.2, 1.6, 0.8), blend=0.5),
        Blob("limbs", (0.7, 1.65, 0.6), (1.35, 0.95, 0.65), blend=0.5),
        Blob("limbs", (0.8, 2.0, 5.3), (0.7, 0.5, 0), end=(1.7, 3.0, 6.2), blend=0.4),
        Blob("limbs", (-1.2, 0, 2.6), (1.4, 0.5, 0), end=(-4.3, 0, 1.0), blend=1.2),
    ),
)
HORNED = changed(
    SITTING,
    plates=(),
    horns=(((0.0, 1.3, 9.6), (-0.5, 2.1, 11.6), 0.6), ((3.7, 0, 8.2), (4.5, 0, 9.3), 0.4)),
)
TUFTED = changed(
    SITTING,
    plates=(
        (0.4, 7.9, 1.1, 0.9),
        (0.4, 7.9, 1.5, 1.5),
        (0.4, 7.9, 1.9, 1.9),
        (0.4, 7.9, 2.35, 1.5),
        (0, 4.4, 2.9, 0.9),
    ),
    eye=Eye(0.5, 0.45, 0.75),
)
GREEN = Coat((0.30, 0.62, 0.62), (0.34, 0.70, 0.42), (0.19, 0.40, 0.93), (0.08, 0.75, 0.93))

_DOLLS: dict[str, tuple[Doll, Coat]] = {
    "dinosaur": (SITTING, GREEN),
    "dinosaur_long_neck": (
        LONG_NECK,
        Coat((0.50, 0.50, 0.70), (0.47, 0.6, 0.5), (0.14, 0.2, 0.95), (0.95, 0.5, 0.9), "spots", belly_size=0),
    ),
    "dinosaur_trex": (
        T_REX,
        Coat((0.04, 0.75, 0.66), (0.02, 0.8, 0.4), (0.11, 0.45, 0.95), (0.0, 0.75, 0.35), "stripes"),
    ),
    "dinosaur_triceratops": (
        TRICERATOPS,
        Coat((0.60, 0.30, 0.60), (0.62, 0.4, 0.45), (0.1, 0.15, 0.9), (0.13, 0.7, 0.9), belly_size=0),
    ),
    "dinosaur_stegosaurus": (
        STEGOSAURUS,
        Coat((0.13, 0.62, 0.80), (0.07, 0.7, 0.6), (0.13, 0.25, 0.97), (0.36, 0.65, 0.5), "spots", belly_size=0),
    ),
    "dinosaur_pink_spotted": (
        STANDING,
        Coat((0.93, 0.42, 0.95), (0.90, 0.65, 0.75), (0.96, 0.12, 1.0), (0.80, 0.4, 0.85), "spots"),
    ),
    "dinosaur_blue_striped": (
        HORNED,
        Coat((0.58, 0.65, 0.85), (0.62, 0.8, 0.45), (0.55, 0.15, 0.97), (0.1, 0.7, 0.9), "stripes"),
    ),
    "dinosaur_yellow_baby": (BABY, Coat((0.14, 0.65, 0.96), (0.11, 0.75, 0.9), (0.13, 0.18, 1.0), (0.02, 0.65, 0.95))),
    "dinosaur_purple_scales": (
        TUFTED,
        Coat((0.76, 0.45, 0.68), (0.78, 0.6, 0.42), (0.75, 0.12, 0.9), (0.48, 0.6, 0.8), "scales"),
    ),
    "dinosaur_orange_patchwork": (
        STANDING,
        Coat((0.07, 0.72, 0.95), (0.10, 0.35, 0.97), (0.12, 0.2, 0.98), (0.55, 0.6, 0.65), "patchwork"),
    ),
    "dinosaur_grey_zigzag": (
        changed(SITTING, plate_rows=2),
        Coat((0.6, 0.06, 0.72), (0.98, 0.65, 0.7), (0.1, 0.05, 0.95), (0.98, 0.7, 0.75), "zigzag"),
    ),
}
_HEIGHTS = {name: (0.10, 0.12) for name in _DOLLS} | {
    "dinosaur_triceratops": (0.085, 0.105),
    "dinosaur_stegosaurus": (0.085, 0.105),
}


def _register(name: str, doll: Doll, coat: Coat) -> None:
    low, high = _HEIGHTS[name]
    OBJECTS.add(
        name,
        ObjectSpec(
            name,
            "dinosaur",
            "target",
            lambda: doll.build((low + high) / 2),
            lambda rng: paint(coat, rng),
            (low, high),
            (0.05, 0.12),
            lambda: doll.parts((low + high) / 2),
        ),
    )


for _name, (_doll, _coat) in _DOLLS.items():
    _register(_name, _doll, _coat)
TARGETS = tuple(_DOLLS)
"""Names of all targets; the first is the one of the paper's experiments."""
OOD_TARGETS = TARGETS[1:]
"""Dolls that are never the target in training."""
