"""The stages of the demo, in their order. A new one is a file with a `Stage` and its line here."""

from sim_envs.demo.alignment import ALIGNMENT
from sim_envs.demo.frames import FRAMES
from sim_envs.demo.grasping import FILMS, GRASPING
from sim_envs.demo.measurement import MEASUREMENT
from sim_envs.demo.policies import POLICIES

STAGES = (FRAMES, ALIGNMENT, MEASUREMENT, POLICIES, GRASPING, FILMS)
