"""Vision backbones behind one protocol: patch features of the last layer as a grid."""

from lace.backbones.backbone import BACKBONES, Backbone, BackboneSpec, module_of
from lace.backbones.load import is_stand_in, load_backbone

__all__ = ["BACKBONES", "Backbone", "BackboneSpec", "is_stand_in", "load_backbone", "module_of"]
