"""What is measured on a GPU: every stage, names, sequential decoding, SAM, precision."""
