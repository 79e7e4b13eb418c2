"""The world behind the ports: one technology per file. Imported by `migrator.runtime` only."""
