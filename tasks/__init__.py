"""Celery's side: messages in, attempts out.

`tasks.attempt` is the heart and knows no framework; `tasks.worker` puts a worker together from it.
Of this package the API uses `tasks.app` and `tasks.dispatch` only.
"""
