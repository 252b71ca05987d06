"""The state of the dashboard: what the user chose, and the data to draw."""
