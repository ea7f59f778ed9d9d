"""``python -m train.bundled CONFIG …`` makes the network that ships, or such a one of another tower."""

from train.commands import run

if __name__ == "__main__":  # worker processes import this module under another name, and need nothing of it
    run("bundled", otherwise="making")
