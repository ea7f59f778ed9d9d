"""The corpus: pictures of several sources as one `datasets.DatasetDict`."""
