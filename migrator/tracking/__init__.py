"""The tracking database: the only place for SQLAlchemy and Alembic. Imports domain and errors, nothing else."""
