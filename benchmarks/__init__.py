"""Measurements as commands: each prints a table with the load of the machine it ran on."""
