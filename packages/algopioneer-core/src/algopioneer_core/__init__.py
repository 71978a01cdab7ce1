"""Ports, engine, simulation, plugin host and command line of the algopioneer trading framework."""
