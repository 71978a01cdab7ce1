"""Kraken spot and margin venue for the algopioneer trading framework."""
