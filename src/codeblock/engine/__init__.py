"""Running a stage over shards."""
