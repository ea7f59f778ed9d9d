"""The network that ships with the app: a tuned CLIP tower with a linear head, or such a network of another tower."""
