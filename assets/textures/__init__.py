"""Procedural textures by name: `TEXTURES["wood_oak"].make(rng, 256)`.

To add a texture, add a painter to one of the files.
"""

from assets.textures import built, cloth, natural, patterns, printed
from assets.textures.texture import TEXTURES, Texture

__all__ = ["TEXTURES", "Texture", "built", "cloth", "natural", "patterns", "printed"]
