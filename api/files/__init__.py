"""`/v1/files`: tenants' files, as OpenAI's clients send and fetch them, a piece at a time."""
