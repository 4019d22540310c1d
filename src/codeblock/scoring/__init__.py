"""A frozen model's token scores."""
