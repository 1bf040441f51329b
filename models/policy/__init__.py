"""The policy pack: every number, list and right that differs from county to county, as data."""
