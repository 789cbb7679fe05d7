"""Labelled frames on disk: shards, integrity, pictures, statistics, export."""
