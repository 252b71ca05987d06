"""Every figure the README quotes, measured side by side in one run: `python -m bench`."""
