"""Helpers that several actions share."""
