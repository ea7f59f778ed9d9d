"""What the documents state, measured: each module runs with one command."""
