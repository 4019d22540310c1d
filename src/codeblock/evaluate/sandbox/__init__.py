"""Running programs that nobody has read: solution and tests in different processes, behind what the kernel offers."""
