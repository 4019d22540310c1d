"""Pass@k of a model's programs on the field's benchmarks."""
