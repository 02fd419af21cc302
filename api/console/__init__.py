"""The console: pages for people, beside the API, for browsers that have logged in.

Pages are rendered here and work without scripts but for the tokens of a job as they come; what scripts ask for, they
ask of `/v1`, as every client does. `session_guard.py` says who may see a page, `console.py` puts all of it together.
"""
