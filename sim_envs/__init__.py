"""Simulated scenes: randomised, rendered, labelled, and measured, headless and in bulk.

Importing this registers the gymnasium environment; the engines load when one is made.
"""

import gymnasium

ENVIRONMENT = "Lace/XArmLeapGrasp-v0"

if ENVIRONMENT not in gymnasium.registry:
    gymnasium.register(
        ENVIRONMENT,
        entry_point="sim_envs.grasp_env.single:GraspEnv",
        vector_entry_point="sim_envs.grasp_env.vector:GraspVectorEnv",
    )
