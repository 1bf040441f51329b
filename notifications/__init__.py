"""Who hears about it: notices, templates, channels and the sender."""
