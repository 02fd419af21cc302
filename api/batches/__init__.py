"""Batches: files of requests that are run when there is room, and one file of answers."""
