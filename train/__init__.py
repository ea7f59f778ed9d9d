"""From sources to a checkpoint: corpus, training, evaluation, export."""
