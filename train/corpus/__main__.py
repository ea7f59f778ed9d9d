"""Build a corpus: ``python -m train.corpus build CONFIG --out FOLDER``, and what goes with it.

::

    python -m train.corpus toy FOLDER [--pictures 240] [--size 96]     a small made-up corpus, with a configuration
    python -m train.corpus build CONFIG [--out FOLDER] [--workers 2] [--push OWNER/NAME [--private]]
    python -m train.corpus card FOLDER                                 write the data card again
    python -m train.corpus push FOLDER OWNER/NAME [--private] [--push] says what would be uploaded; with --push does it
"""

if __name__ == "__main__":  # the worker processes import this module under another name, and need nothing of it
    from train.commands import start

    start("train.corpus.cli")
