"""Imports of real images and their labels into shards: one file per source; `writing` writes the shards."""
