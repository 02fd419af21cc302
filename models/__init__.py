"""Engines: tokens in, tokens out.

Not ORM models: the record of a job is in `jobs.store`.
Knows `jobs.request` and nothing else of the house; imports without Celery and Redis. `models.engine`
is the contract, `models.catalog` reads the configuration, `models.loader` builds the engine that a
model asks for. Only the torch modules import torch.
"""
