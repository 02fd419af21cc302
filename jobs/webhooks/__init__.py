"""Events of final jobs, the endpoints that hear of them, and their deliveries."""
