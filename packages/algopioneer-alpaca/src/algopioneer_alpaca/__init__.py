"""Alpaca equities and crypto venue for the algopioneer trading framework."""
