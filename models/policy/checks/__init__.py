"""What can be odd in a pack that loads: one module a subject, all pure."""
