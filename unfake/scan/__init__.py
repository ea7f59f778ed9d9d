"""Verdicts on a whole source, a folder, object storage or a dataset of the Hub, as rows of a Parquet file.

``address → source → shards → parts → result``. A shard is what can be read alone: a stretch of the list of files, or a
shard of a dataset. A part is the rows of some pictures of a shard, a file of its own until all are there.
"""
