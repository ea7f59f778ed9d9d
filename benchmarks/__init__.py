"""What the README states, measured: each module runs with one command."""
