"""The wing's commands: ``python -m train.bundled`` lists them."""

from train.commands import run

if __name__ == "__main__":  # worker processes import this module under another name, and need nothing of it
    run("bundled", otherwise="making")
