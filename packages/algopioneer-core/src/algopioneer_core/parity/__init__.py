"""A recorded session against the backtester: where they part, and why."""
