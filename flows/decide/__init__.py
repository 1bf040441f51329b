"""Pure decisions, one module a step. No Kafka, Prefect, database, clock or randomness in here."""
