"""Training on supervised tokens, at the cost of what they need."""
