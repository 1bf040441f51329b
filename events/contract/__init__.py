"""The event contract: every type that may stand on a topic, frozen and versioned. Pure."""
