"""Batches: many requests in one file, run as jobs, and what came of them."""
