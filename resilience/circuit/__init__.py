"""Circuits in front of anything that may fail: shared by all processes in Redis, each process alone without it."""
