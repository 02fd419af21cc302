"""The small model that ships: its tokenizer, its text, its training and its card.

Needs torch and transformers alone, so that it also runs on a bare GPU machine. Knows nothing of jobs, queues or
HTTP. Start reading in `scripts.train_demo`.
"""
