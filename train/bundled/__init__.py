"""The network that ships with the app: a CLIP tower with a linear head, or such a network of another tower."""
