"""Files of tenants: what is known of them. Their bytes lie in `storage`, under the names that stand here."""
