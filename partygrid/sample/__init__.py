"""An invented county, generated from a seed, to try, show and test everything with."""
