"""Real jobs of public packages, recorded as CI runs them, and what each rule costs there."""
