"""In and out: the event contract, its bytes, the consumer, the relay and the producer."""
