"""Policies that protect the system and know nothing of jobs."""
