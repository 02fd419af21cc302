"""API keys: who may ask, as which tenant, and for what."""
