"""The words of Frontier and the record of every job.

Knows no HTTP, no Celery and no torch. Start with `jobs.job` (states and the one table of moves),
then `jobs.store` (each move is one Lua script in `jobs/lua/`).
"""
