"""Coinbase Advanced Trade venue for the algopioneer trading framework."""
