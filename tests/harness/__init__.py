"""What the tests share: one PostgreSQL for the run, real server processes, people, and sockets."""
