"""A human in a scene: a skinned hand and forearm; shape, skin and sleeve differ in every world."""

import numpy as np

from assets.humans import HUMANS
from assets.humans.hand import WRIST, HumanHand
from assets.humans.poses import POSES, Capsules
from assets.humans.skin import TONES, skin_texture
from assets.humans.skin_maps import skin_maps
from assets.humans.skinned import PARTS, part_of_bone, skin_mesh
from assets.humans.sleeve import sleeve_mesh
from assets.textures import TEXTURES
from lace.core.draws import generator
from lace.core.geometry import Array, invert
from lace.core.semantics import HUMAN
from sim_envs.bodies.human.arm import SHOULDER, build_human_bank, pose_of, reach, shoulder_of
from sim_envs.bodies.human.reach import plan_grasp
from sim_envs.bodies.human.skinning import SkinnedWorlds, skinned_bytes
from sim_envs.config.axes import known_names
from sim_envs.config.scene import SceneConfig
from sim_envs.rendering.library import Library
from sim_envs.rendering.slot_table import SlotTable
from sim_envs.scenes.randomization import SceneDraws
from sim_envs.scenes.slots import BodyParts
from sim_envs.scenes.state import BodyPose, ReachMotion, SceneBatch
from sim_envs.scenes.workspace import grasp_box

UPPER_ARM_LINK = "upperarm.R"
SKIN_GLOSS, CLOTH_GLOSS = 0.14, 0.0
"""Skin: 2.8 % of the light is reflected at normal incidence (refractive index 1.4), times (32 + 8) / 8 for the peak of
the renderer's lobe, whose exponent is 32 (normalised Blinn-Phong)."""
SKIN_PX, CLOTH_PX = 512, 256
SKIN_LOOKS, CLOTH_LOOKS = 2, 3
"""Textures of each skin tone and of each cloth."""


def human_parts(hand: HumanHand) -> BodyParts:
    """The sleeve, then the parts of the skin."""
    names = ("sleeve", *PARTS)
    of_link = {bone: part_of_bone(bone) for bone in hand.bones} | {UPPER_ARM_LINK: "sleeve"}
    return BodyParts(HUMAN, names, len(PARTS) - 1, names, of_link)


class HumanBody:
    """Implements `sim_envs.scenes.body.Body` for every registered human."""

    def __init__(self, name: str, config: SceneConfig):
        self.config, self.hand = config, HUMANS[name]()
        hand = self.hand
        self.embodiment = hand.embodiment(np.zeros(hand.shapes.shape[1]))
        self.link_names: tuple[str, ...] = (*hand.bones, UPPER_ARM_LINK)
        self.parts = human_parts(hand)
        self.capsules = Capsules(hand)
        self.bank = build_human_bank(self.capsules, config.seed, config.axes.hand.poses)
        self._grasp_point = np.array(self.embodiment.grasp_point)
        self._wrist = hand.bone_index[WRIST]
        self._meshes = skin_mesh(hand), sleeve_mesh(hand)

    def bytes_per_world(self) -> int:
        """Of one skin mesh and one sleeve mesh."""
        return sum(skinned_bytes(mesh) for mesh in self._meshes)

    def register(self, library: Library, worlds: int) -> None:
        """One skin and one sleeve mesh per world, and the textures of both."""
        skin, sleeve = self.config.axes.skin, self.config.axes.sleeve
        self._skin, self._sleeve = (SkinnedWorlds(mesh, library, worlds) for mesh in self._meshes)
        self._numbers = np.concatenate([self._sleeve.numbers, self._skin.numbers], 1)
        tones = known_names("skin tone", skin.tones, tuple(TONES))
        cloths = known_names("texture", sleeve.cloths, TEXTURES.names())

        maps = skin_maps(self.hand, SKIN_PX)

        def rng(look: int) -> np.random.Generator:
            return generator(self.config.seed, look)

        self._tones = np.array(
            [
                [library.add_texture(skin_texture(maps, rng(look), TONES[tone]), 1.0) for look in range(SKIN_LOOKS)]
                for tone in tones
            ]
        )
        self._cloths = np.array(
            [
                [
                    library.add_texture(TEXTURES[cloth].make(rng(look), CLOTH_PX), 1 / TEXTURES[cloth].tile_m)
                    for look in range(CLOTH_LOOKS)
                ]
                for cloth in cloths
            ]
        )

    def draw(self, draws: SceneDraws) -> BodyPose:
        """A checked hand of the bank on an arm that reaches over the table."""
        entry = draws.hand.choice("bank_entry", self.bank.count)
        q, shape = self.bank.q[entry], self.bank.shape[entry]
        if not self.config.axes.hand.on:
            q = np.tile(POSES["open"], (len(entry), 1))
        T_world_wrist = reach(self.hand, draws.arm, q, shape, self._grasp_point, grasp_box(draws.table.axis))
        low, high = SHOULDER
        shoulder = low + (high - low) * draws.arm.uniform("shoulder", 0, 1, 3)
        cut = draws.sleeve.choice("cut", len(self._sleeve.mesh.mean))
        return pose_of(self.hand, q, shape, T_world_wrist, shoulder, cut)

    def apply(self, table: SlotTable, slots: slice, pose: BodyPose, draws: SceneDraws) -> None:
        """Skin of a drawn tone, a sleeve of drawn cloth and colour."""
        skin, sleeve, n = draws.skin, draws.sleeve, len(pose.q)
        tone, look = skin.choice("tone", len(self._tones)), skin.choice("look", SKIN_LOOKS)
        warmth, light = skin.uniform("warmth", -1, 1), skin.uniform("light", *skin.axis.light)
        cloth, weave = sleeve.choice("cloth", len(self._cloths)), sleeve.choice("look", CLOTH_LOOKS)
        table.scale[:, slots] = 1.0
        table.colour[:, slots] = (light[:, None] * (1 + warmth[:, None] * np.array([0.03, 0.0, -0.04])))[:, None]
        table.texture[:, slots] = self._tones[tone, look][:, None]
        table.gloss[:, slots] = SKIN_GLOSS
        first = slots.start
        table.colour[:, first] = sleeve.uniform("colour", *sleeve.axis.colour, 3)
        table.texture[:, first] = self._cloths[cloth, weave]
        table.gloss[:, first] = np.full(n, CLOTH_GLOSS)
        self.set_pose(table, slots, pose)

    def set_pose(self, table: SlotTable, slots: slice, pose: BodyPose) -> None:
        """Row i shows the meshes of world i, whose vertices are in the wrist's frame."""
        table.source[:, slots] = self._numbers[: len(pose.q)]
        table.T[:, slots] = pose.T_world_link[:, None, self._wrist]

    def marks(self, table: SlotTable, slots: slice, pose: BodyPose) -> Array:
        """Keypoints in the wrist's frame, carried by the slots, which lie in that frame too."""
        T_carried = table.T[:, slots.start] @ invert(pose.T_world_link[:, self._wrist])
        points = pose.keypoints_world @ T_carried[:, :3, :3].swapaxes(1, 2)
        return points + T_carried[:, None, :3, 3]

    def mount(self, table: SlotTable, slot: int, top: Array) -> None:
        """Leaves the slot empty: a person has no pedestal."""

    def deform(self, pose: BodyPose) -> None:
        """Computes the vertices of every world's hand and sleeve by linear blend skinning."""
        shape = pose.known_shape
        heads = self._heads(shape)
        T = invert(pose.T_world_link[:, self._wrist])[:, None] @ pose.T_world_link
        bones = self.hand.skinning(T, np.concatenate([heads, heads[:, :1]], 1))
        self._skin.bend(np.zeros(len(pose.q), int), shape, bones)
        self._sleeve.bend(pose.extra["cut"], shape, bones)

    def _heads(self, shape: np.ndarray) -> Array:
        mean, basis = self.hand.linear_heads()
        return mean + np.tensordot(shape, basis, 1)

    def volume(self, pose: BodyPose) -> Array:
        """Keypoints, and points along the palm, the forearm and the upper arm."""
        heads = self._heads(pose.known_shape)
        points = pose.keypoints_world
        elbow, shoulder = pose.T_world_link[:, 0, :3, 3], shoulder_of(pose.T_world_link[:, -1], heads)
        share = np.linspace(0.15, 1, 6)[:, None]
        spans = [(points[:, 0], points[:, 9]), (points[:, 0], elbow), (elbow, shoulder)]
        return np.concatenate([points, *(a[:, None] + share * (b - a)[:, None] for a, b in spans)], 1)

    def palm(self, pose: BodyPose) -> Array:
        """T_world_palm (n, 4, 4), the wrist's frame."""
        return pose.T_world_link[:, self._wrist]

    def plan_grasp(self, scene: SceneBatch) -> ReachMotion | None:
        """See `bodies/human/reach.py`."""
        return plan_grasp(self.capsules, scene)
