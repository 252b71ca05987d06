"""Steady climbs of held memory, and the floor that they are found in."""
