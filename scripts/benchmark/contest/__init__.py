"""Ways to generate for many requests on one model, for a comparison of throughput."""
