"""Where the bytes of files lie: a folder or an object store, over fsspec, which nothing else imports.

Knows names and bytes alone; `jobs.files` has whose they are.
"""
