"""A breakout strategy for algopioneer."""
