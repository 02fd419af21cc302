"""Engines: tokens in, tokens out.

Not ORM models: the record of a job is in `jobs.store`.

Knows `jobs.request` and nothing else of the house; imports without Celery and Redis. `models.engine`
is the contract, `models.catalog` reads the configuration, `models.loader` builds the engine that a
model asks for; none of them imports torch before it has to, and `models.upstream`, for models that run on
another server, never does. To see how batching works, read
`models.engine_thread`, then `models.torch_engine`, `models.step_layout` and `models.kv_cache`; for embeddings
`models.encoder_engine`.
"""
