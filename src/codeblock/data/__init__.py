"""Getting samples in: rows of files to `Sample`."""
