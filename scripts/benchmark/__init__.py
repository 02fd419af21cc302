"""Measures Frontier on one machine, and writes the figures of docs/performance.md.

``python -m scripts.benchmark`` needs no GPU and downloads nothing. A section measures one thing; see
`section.py` for what it must offer and `registry.py` for which there are.
"""
