"""Writes docs/api.md out of the OpenAPI document."""
