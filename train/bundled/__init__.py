"""The two networks that ship with the app: a head on a frozen CLIP tower, and EfficientNet-Lite0."""
