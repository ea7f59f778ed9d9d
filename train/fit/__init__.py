"""The large network, trained on a corpus: from an EfficientNet's ImageNet weights to one that tells real from fake."""
