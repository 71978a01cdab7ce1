"""Bars of the past: columns in memory, bar files, gaps, and seeded synthetic markets."""
