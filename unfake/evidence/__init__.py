"""What else speaks for or against a picture."""
