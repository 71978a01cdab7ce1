"""What the outside sees of a running session: the log, later metrics and traces."""
