"""A local OSS and a local legacy origin, for trying, rehearsing and testing."""
