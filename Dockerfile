# One image for every process of ours: engine, door, digests, command line, and Prefect's server.
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements-build.txt requirements.txt ./
RUN python -m venv /opt/partygrid \
    && /opt/partygrid/bin/pip install --require-hashes -r requirements.txt \
    && pip install --require-hashes -r requirements-build.txt
COPY pyproject.toml ./
COPY events events
COPY flows flows
COPY models models
COPY notifications notifications
COPY web web
COPY partygrid partygrid
COPY policies policies
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/partygrid/bin/pip install --no-deps /wheels/partygrid-*.whl

FROM python:3.11-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin partygrid \
    && install -d -o partygrid -g partygrid -m 0700 /data /keys
COPY --from=build /opt/partygrid /opt/partygrid
ENV PATH=/opt/partygrid/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DO_NOT_TRACK=1 \
    HOME=/data \
    PREFECT_HOME=/data/prefect \
    PARTYGRID_HOME=/data \
    PARTYGRID_SECRETS_DIR=/keys
USER partygrid
WORKDIR /data
VOLUME ["/data", "/keys"]
ENTRYPOINT ["partygrid"]
CMD ["--help"]
