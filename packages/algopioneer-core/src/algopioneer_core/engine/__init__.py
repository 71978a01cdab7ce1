"""The decisions: events in, commands out, without a clock, a network or a thread."""
