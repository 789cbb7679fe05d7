"""The alignment fine-tune: pairs, losses, training, checkpoints (paper sec. 4)."""
