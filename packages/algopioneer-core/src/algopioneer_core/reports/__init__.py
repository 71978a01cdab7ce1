"""What people read after a run: files, a page and a table."""
