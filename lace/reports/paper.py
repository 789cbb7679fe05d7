"""The alignment numbers of the paper (arXiv 2605.16743v1), by table and row, as printed there.

Columns: (EPE [px], cosine) per pair; the paper does not state the resolution of its EPE. ImageNet top-1 [%] and ADE20K
mIoU [%] where the table has them. Rows of one setting differ between its tables by up to 0.5 px.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class PaperRow:
    """One row as printed; None where the table has no such column."""

    hr: tuple[float, float]
    hh: tuple[float, float] | None = None
    rr: tuple[float, float] | None = None
    imagenet: float | None = None
    ade20k: float | None = None


_DINO = PaperRow((87.04, 0.473), (34.94, 0.679), (23.00, 0.824))
_DINO_PROBED = replace(_DINO, imagenet=76.73, ade20k=42.12)

PAPER: dict[int, dict[str, PaperRow]] = {
    1: {"DINO": _DINO, "LACE-DINO": PaperRow((19.36, 0.910), (17.57, 0.903), (16.00, 0.948))},
    4: {
        "DINO": _DINO,
        "1 img": PaperRow((23.81, 0.861), (17.58, 0.906), (24.20, 0.901)),
        "10 img": PaperRow((19.90, 0.903), (17.84, 0.905), (18.30, 0.936)),
        "100 img": PaperRow((19.57, 0.910), (17.78, 0.903), (16.04, 0.948)),
    },
    5: {
        "DINO": _DINO_PROBED,
        "lambda=0": PaperRow((19.17, 0.921), (23.03, 0.817), (19.73, 0.886), 73.10, 38.49),
        "lambda=0.01": PaperRow((19.37, 0.927), (18.63, 0.869), (17.27, 0.921), 74.17, 40.44),
        "lambda=0.1": PaperRow((19.21, 0.926), (17.78, 0.903), (16.04, 0.948), 74.42, 40.58),
        "lambda=1": PaperRow((19.57, 0.910), (17.33, 0.919), (15.99, 0.958), 74.86, 40.41),
        "lambda=10": PaperRow((20.15, 0.862), (17.14, 0.921), (16.42, 0.959), 75.12, 40.54),
        "lambda=100": PaperRow((24.33, 0.790), (17.34, 0.920), (16.62, 0.952), 75.05, 40.79),
    },
    6: {
        "LACE-DINO": PaperRow((19.36, 0.910), (17.57, 0.900), (16.00, 0.945), 74.86, 40.41),
        "w/o EMA": PaperRow((19.04, 0.872), (17.50, 0.872), (14.89, 0.925), 74.01, 37.16),
        "w/o intra-class": PaperRow((18.91, 0.876), (18.74, 0.872), (15.17, 0.942), 74.28, 40.06),
        "-> uni-dir": PaperRow((19.51, 0.880), (17.94, 0.911), (15.77, 0.944), 73.39, 38.95),
        "-> fwd KL": PaperRow((18.91, 0.907), (17.29, 0.904), (15.51, 0.946), 73.34, 38.69),
    },
    8: {
        "DINO": PaperRow((87.04, 0.473)),
        "LACE-DINO": PaperRow((19.36, 0.910)),
        "SigLIP": PaperRow((107.16, 0.085)),
        "LACE-SigLIP": PaperRow((28.77, 0.436)),
        "I-JEPA": PaperRow((81.42, 0.242)),
        "LACE-I-JEPA": PaperRow((20.51, 0.630)),
        "V-JEPA2": PaperRow((83.51, 0.387)),
        "LACE-V-JEPA2": PaperRow((30.32, 0.637)),
    },
}
"""Table -> row, in the table's order -> numbers."""
