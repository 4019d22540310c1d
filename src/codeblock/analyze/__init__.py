"""A response to its program structure: segments, items, core tokens, data flow, signals."""
