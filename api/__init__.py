"""The HTTP interface: accepts jobs, tells how they stand, and never runs a model.

Knows Flask; of Celery only `tasks.app` and `tasks.dispatch`; no torch. Start with `api.submission`,
which tells without a framework what happens to a request, then `api.app`, which puts the pieces together.
"""
