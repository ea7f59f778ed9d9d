"""Bringing files over http(s), with a journal of what has come."""
