"""A chat in the terminal, on the Python client: `duologue chat`. Needs Textual, which is the extra `chat`."""
