"""The commands of `frontier`, one module each; `scripts.cli` puts them together."""
