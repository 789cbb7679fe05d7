"""Objects by name: the dinosaur targets and the distractors."""

from assets.objects import desk_things, pantry_and_toys, tableware
from assets.objects.dinosaurs import OOD_TARGETS, TARGETS
from assets.objects.own import FORMATS, own_object
from assets.objects.spec import OBJECTS, ObjectSpec

__all__ = ["OBJECTS", "OOD_TARGETS", "TARGETS", "ObjectSpec", "desk_things", "pantry_and_toys", "tableware"]

OBJECTS.accept(own_object, f"a mesh file ({', '.join(FORMATS)})")
