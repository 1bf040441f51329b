"""What a case does next: pure decisions and the thin Prefect flows around them."""
