"""What there is to run: ``python -m train`` lists it."""

from train.commands import listing

if __name__ == "__main__":
    print(listing())
