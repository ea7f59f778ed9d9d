"""From a trained network to a folder that the app loads, and to the Hub."""
