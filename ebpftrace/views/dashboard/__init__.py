"""The live dashboard: a screen drawn from frozen snapshots, and the keys that move it.

The screen is a pure function of a `DashboardState` and a `ScreenData` (`draw`); the effect
of a key is a pure function of a state and the key (`press`). Only `loop` and `terminal`
touch a terminal.
"""
