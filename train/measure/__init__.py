"""What a checkpoint is worth: predictions, calibration, figures, card, and whether they belong together."""
