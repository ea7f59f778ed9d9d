"""From pixels to a verdict."""
