"""Every figure that the docs quote, measured side by side in one run: `python -m bench`."""
