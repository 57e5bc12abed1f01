"""What is faster than what, and by how much: two ways to one result, timed in turn in one run."""
