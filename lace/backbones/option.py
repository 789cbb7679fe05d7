"""`--backbone` of commands: its help says the names."""

from typing import Annotated

from tyro.conf import arg

from lace.backbones.backbone import BACKBONES


def _known(default: str) -> str:
    return f"(names: {', '.join(BACKBONES)}; default: {default})"


BackboneName = Annotated[str, arg(help_behavior_hint=_known)]
"""A short name, a hub id, or a folder."""
