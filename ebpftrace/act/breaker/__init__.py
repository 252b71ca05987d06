"""The circuit breaker: triggers become incidents, and incidents climb a ladder."""
