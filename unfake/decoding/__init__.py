"""From the bytes of a picture file to clean pixels, in processes that may fail, under limits that hold."""
