"""Pure functions from the state of the dashboard to lines of styled text."""
