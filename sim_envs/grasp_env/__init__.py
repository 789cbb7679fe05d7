"""The gymnasium environment Lace/XArmLeapGrasp-v0: `gym.make`, and `gym.make_vec` with `vectorization_mode="vector_entry_point"`."""
