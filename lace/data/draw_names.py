"""Names of draws as people read them, with units; which of them mean something to our code alone."""

import re

_INTERNAL = re.compile(
    r"backdrop.*|clutter\.\d+\..*|.*\.(which|look|layout|kind|name|bank_entry|offset_[xy]|place|shoulder|cut|tone|cloth)(\[\d\])?"
)
"""Draws that mean something to our code alone: numbers of a list, of textures, of places that were tried."""
_UNITS = {"_m": "m", "_mm": "mm", "_deg": "degrees", "_stops": "stops", ".aim": "m", ".yaw": "rad"}
"""End of a draw's name -> unit; other draws have none."""


def is_internal(draw: str) -> bool:
    """Whether a draw is left out of what people read, unless they ask for it."""
    return bool(_INTERNAL.fullmatch(draw))


def in_words(draw: str) -> str:
    """A draw's name with its unit: "camera.distance_m" -> "camera distance [m]"."""
    name, bracket, index = draw.partition("[")
    end = next((end for end in _UNITS if name.endswith(end)), "")
    words = (name.removesuffix(end) if end.startswith("_") else name).replace(".", " ").replace("_", " ")
    return words + (f" {index[:-1]}" if bracket else "") + (f" [{_UNITS[end]}]" if end else "")
