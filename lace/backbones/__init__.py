"""Vision backbones behind one protocol: patch features of the last layer as a grid."""

from lace.backbones.backbone import BACKBONES, Backbone, BackboneSpec, load_backbone

__all__ = ["BACKBONES", "Backbone", "BackboneSpec", "load_backbone"]
