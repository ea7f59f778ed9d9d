"""``python -m train.fit CONFIG …`` trains; ``python -m train.fit report RUN`` and others look at what came of it."""

from train.commands import run

if __name__ == "__main__":  # worker processes import this module under another name, and need nothing of it
    run("fit", otherwise="run")
