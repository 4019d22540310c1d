"""Choosing the samples that are worth learning from: quality, scarcity, no duplicates, no benchmark tasks (METHOD A)."""
