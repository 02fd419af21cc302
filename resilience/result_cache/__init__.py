"""Results by key for a while, within a budget of bytes: shared by all processes in Redis, and by each in its memory."""
