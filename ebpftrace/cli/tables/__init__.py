"""Tables and reports that commands print, in 80 columns."""
