"""A played week: seeded people who report, deliberate, work, are late, object and are asked."""
