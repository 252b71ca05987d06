"""The live dashboard: a screen drawn from frozen snapshots, and the keys that move it.

What is on the screen is a pure function of a `State` and a `Scene` (`draw`); what a key
does is one of a state and a key (`press`). Only `loop` and `terminal` touch a terminal.
"""
