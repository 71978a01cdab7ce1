"""Strategies for the algopioneer trading framework: moving average crossover and pairs."""
