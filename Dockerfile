# The daemon on a CPU: weights and converted model inside, no network at run time, any --user, read-only root filesystem.
#   docker build --target cpu -t simd .
#   docker run --read-only --network none -v PICTURES:/pictures:ro -v STATE:/state -v RUN:/run/simd simd
FROM docker.io/library/python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY simd simd
COPY client client
RUN python -m venv /opt/simd \
 && /opt/simd/bin/pip install --no-cache-dir --disable-pip-version-check '.[daemon]' \
 && /opt/simd/bin/python -c "from pathlib import Path; from simd.featurize.models import resolve; resolve('efficientnet-lite0', Path('/opt/simd/models'))" \
 && chmod -R a+rX /opt/simd

FROM docker.io/library/python:3.11-slim-bookworm AS cpu
COPY --from=build /opt/simd /opt/simd
RUN install -d -m 0777 /state /run/simd
ENV PATH=/opt/simd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIMD_ADDRESS=unix:/run/simd/simd.sock \
    SIMD_LISTEN=unix:/run/simd/simd.sock \
    SIMD_MODELS_DIR=/opt/simd/models \
    SIMD_ROOTS=/pictures \
    SIMD_STATE_DIR=/state
USER 65532:65532
VOLUME ["/state", "/run/simd"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["simctl", "health"]
ENTRYPOINT ["simd"]
CMD ["serve"]
