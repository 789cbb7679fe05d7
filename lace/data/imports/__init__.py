"""Real images with labels of others, brought into our shards; each source is one file, `writing` is their common end."""
