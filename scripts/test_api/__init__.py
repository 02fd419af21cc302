"""Walks the endpoints of a running system and holds each against what is documented."""
