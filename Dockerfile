# Debian, not Alpine: several wheels exist for glibc only.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock .
RUN sed -n '/^uv==/,/# via/p' requirements.lock > uv.txt && pip install --no-cache-dir --require-hashes -r uv.txt
COPY pyproject.toml README.md LICENSE ./
COPY alembic alembic
COPY migrator migrator
COPY workers workers
# As constraints the lock pins versions and hashes, and what only tests need stays out.
RUN uv venv /opt/migrator && \
    uv pip install --python /opt/migrator/bin/python --constraints requirements.lock --build-constraints requirements.lock .

FROM python:3.11-slim-bookworm
COPY --from=build /opt/migrator /opt/migrator
ENV PATH=/opt/migrator/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --create-home migrator
USER migrator
WORKDIR /home/migrator
CMD ["migrator", "--help"]
