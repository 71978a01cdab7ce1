"""What a session tells other programs over HTTP: its health and its metrics."""
