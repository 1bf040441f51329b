"""What runs: the processes of an installation, each built from settings, and who starts them."""
