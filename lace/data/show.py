"""Contact sheets: many frames in one picture, with captions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lace.core.draws import generator
from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.data.dataset import FrameDataset
from lace.data.overlay import draw_overlay
from lace.data.schema import encode_image

_PAPER, _INK, _FAINT = (250, 250, 248), (30, 30, 34), (110, 110, 116)
_MARGIN_PX, _GAP_PX, _CAPTION_PX, _TITLE_PX = 24, 12, 24, 40
_FONT, _CAPTION_SCALE, _TITLE_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0.62
_LEAST_SCALE = 0.36
"""Of text that can still be read."""
_WIDEST_SHEET = 6
"""Tiles per row at most: at 256 px a tile the sheet fits a screen."""


def contact_sheet(
    records: Sequence[FrameRecord],
    columns: int,
    tile_px: int,
    overlay: bool,
    title: str = "",
    captions: Sequence[str] = (),
) -> np.ndarray:
    """RGB uint8 sheet of frames with index, room and target below each.

    Args:
        records: At least one frame; sizes may differ.
        columns: Tiles per row, >= 1.
        tile_px: Longer side of a tile [px].
        overlay: Whether labels are drawn over the images.
        title: Line above the tiles; by default the facts the records give.
        captions: One for each frame; by default its index, room and target.
    """
    if not records or columns < 1 or tile_px < 1:
        raise InvalidValueError(
            "drawing a contact sheet",
            f"{len(records)} frames, {columns} columns, tiles of {tile_px} px",
            "at least one of each",
            "ask for at least one frame",
        )
    columns = min(columns, len(records))
    tiles = [_tile(record, tile_px, overlay) for record in records]
    high, wide = max(t.shape[0] for t in tiles), max(t.shape[1] for t in tiles)
    rows = -(-len(tiles) // columns)
    shape = (
        2 * _MARGIN_PX + _TITLE_PX + rows * (high + _CAPTION_PX + _GAP_PX) - _GAP_PX,
        2 * _MARGIN_PX + columns * (wide + _GAP_PX) - _GAP_PX,
    )
    sheet = np.full((*shape, 3), _PAPER, np.uint8)
    _write(
        sheet, title or _title(records), (_MARGIN_PX, _MARGIN_PX + 16), _TITLE_SCALE, _INK, shape[1] - 2 * _MARGIN_PX
    )
    for i, (record, tile) in enumerate(zip(records, tiles, strict=True)):
        top = _MARGIN_PX + _TITLE_PX + (i // columns) * (high + _CAPTION_PX + _GAP_PX)
        left = _MARGIN_PX + (i % columns) * (wide + _GAP_PX)
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        below = captions[i] if captions else caption(record)
        _write(sheet, below, (left, top + high + 16), _CAPTION_SCALE, _FAINT, wide)
    return sheet


def caption(record: FrameRecord) -> str:
    """Index, room and target of a frame, if known; of another's picture where it comes from."""
    where = (record.room, target_name(record)) if record.room else (record.source,)
    return "  ".join(part for part in (f"#{record.index}", *where) if part)


def target_name(record: FrameRecord) -> str:
    """What the target is ("dinosaur"), or its name in the scene; empty where there is none."""
    names = (thing.get("object", thing.get("name", "")) for thing in record.objects if thing.get("role") == "target")
    return short_name(str(next(names, "")))


def short_name(thing: str) -> str:
    """An object's name as people read it: of the user's own file, the file's name alone."""
    return thing.partition("?")[0].rpartition("/")[2]


def save_contact_sheet(
    folder: str | Path, out: str | Path, n: int = 24, seed: int = 0, overlay: bool = True, tile_px: int = 256
) -> Path:
    """Writes a PNG of `n` frames drawn without repetition (all, where there are fewer); returns its path."""
    dataset = FrameDataset(folder)
    records = [dataset[i] for i in choose_frames(len(dataset), n, seed)]
    shown = f"{len(records)} of {len(dataset)} frames"
    title = "   ".join((Path(folder).resolve().name, made_by(dataset.meta), _title(records), shown))
    columns = min(_WIDEST_SHEET, int(np.ceil(np.sqrt(1.5 * len(records)))))
    sheet = contact_sheet(records, columns, tile_px, overlay, title)
    out = Path(out)
    publish_bytes(out, encode_image(sheet, "png"))
    return out


def made_by(meta: Mapping[str, Any]) -> str:
    """What was done to make a dataset, from its dataset.json: "generated", "merged from 3", "imported: hint"."""
    if "source" in meta:
        return f"imported: {meta['source']}"
    return f"merged from {len(meta['sources'])}" if "sources" in meta else "generated"


def choose_frames(total: int, n: int, seed: int) -> list[int]:
    """`n` of `total` positions without repetition (all, where there are fewer), in order."""
    if n < 1:
        raise InvalidValueError("choosing frames to show", f"{n} frames", "at least 1", "give --count 1 or more")
    return sorted(generator(seed).permutation(total)[:n].tolist())


def _tile(record: FrameRecord, tile_px: int, overlay: bool) -> np.ndarray:
    scale = tile_px / max(record.image.shape[:2])
    if overlay:
        return draw_overlay(record, scale)
    size = [max(1, round(side * scale)) for side in record.image.shape[1::-1]]
    return cv2.resize(record.image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _title(records: Sequence[FrameRecord]) -> str:
    def kinds(name: str) -> str:
        return ", ".join(sorted({getattr(record, name) for record in records} - {""}))

    sizes = ", ".join(sorted({f"{r.image.shape[1]}x{r.image.shape[0]}" for r in records}))
    seeds = ", ".join(map(str, sorted({record.seed for record in records if record.preset})))
    facts = [kinds("embodiment"), kinds("preset"), sizes, f"seed {seeds}" if seeds else ""]
    return "   ".join(fact for fact in facts if fact)


def _write(sheet: np.ndarray, text: str, at: tuple[int, int], scale: float, colour: tuple, room_px: int) -> None:
    """One line of text, smaller and then cut with dots where it does not fit; Hershey fonts know ASCII only."""
    text = text.encode("ascii", "replace").decode()
    wide = cv2.getTextSize(text, _FONT, scale, 1)[0][0]
    scale = max(scale * min(1.0, room_px / max(wide, 1)), _LEAST_SCALE)
    shown = text
    while len(text) > 1 and cv2.getTextSize(shown, _FONT, scale, 1)[0][0] > room_px:
        text = text[:-1]
        shown = text + "..."
    cv2.putText(sheet, shown, at, _FONT, scale, colour, 1, cv2.LINE_AA)
