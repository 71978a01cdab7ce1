"""Where finished trades are written: files, the log, memory."""
