"""What the node and the model cost: each script prints a table and writes a JSON file."""
