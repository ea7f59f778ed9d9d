"""Which pictures are the same, and which look it."""
