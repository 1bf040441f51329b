"""How quick the engine is beside what its parts allow."""
