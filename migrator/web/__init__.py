"""The dashboard: snapshots as a page and as JSON. It decides nothing and changes nothing."""
