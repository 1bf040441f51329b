"""What has no home in the four rooms: settings, errors, clock, bootstrap, engine, command line."""
