"""The gymnasium environment Lace/XArmLeapGrasp-v0.

Use `gym.make`, or `gym.make_vec` with `vectorization_mode="vector_entry_point"`.
"""
