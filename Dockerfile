# The daemon in a container: the model inside, no network at run time, any --user, read-only root filesystem.
# Target `cpu` (OpenVINO) or `gpu` (TensorFlow with CUDA; the host gives the driver).
#   docker build --target cpu --tag simd:cpu .
#   docker run --read-only --network none --user "$(id -u)" \
#       -v PICTURES:/pictures:ro -v STATE:/state -v RUN:/run/simd simd:cpu
# Everything that is installed is pinned by hash: the base by its digest, the packages by requirements/*.lock.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src

# The wheel has the default model, which TensorFlow makes of its weights here.
FROM build AS wheel
COPY requirements/build.lock requirements/daemon.lock requirements/
RUN python3 -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements/build.lock -r requirements/daemon.lock
COPY pyproject.toml README.md LICENSE ./
COPY scripts/build_backend.py scripts/
COPY simd simd
COPY client client
COPY man man
COPY systemd systemd
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

# The default of states that were made before there was `simd-copy-1`: it answers until that has taken over.
FROM wheel AS models
RUN /opt/build/bin/pip install --no-deps --no-index /wheels/*.whl \
 && /opt/build/bin/simd doctor --models-dir /models --model efficientnet-lite0 \
 && chmod -R a+rX /models

FROM build AS cpu-environment
COPY requirements/cpu.lock requirements/
RUN python3 -m venv /opt/simd && /opt/simd/bin/pip install --require-hashes -r requirements/cpu.lock
COPY --from=wheel /wheels /wheels
RUN /opt/simd/bin/pip install --no-deps --no-index /wheels/*.whl

FROM build AS gpu-environment
COPY requirements/gpu.lock requirements/
RUN python3 -m venv /opt/simd && /opt/simd/bin/pip install --require-hashes -r requirements/gpu.lock
COPY --from=wheel /wheels /wheels
RUN /opt/simd/bin/pip install --no-deps --no-index /wheels/*.whl

FROM ${PYTHON_IMAGE} AS daemon
# Whoever runs it, `--user` included, must be able to write these two where nothing is mounted over them.
RUN install -d -m 0777 /state /run/simd
ENV HOME=/state \
    PATH=/opt/simd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIMD_ADDRESS=unix:/run/simd/simd.sock \
    SIMD_LISTEN=unix:/run/simd/simd.sock \
    SIMD_MODELS_DIR=/opt/simd/models \
    SIMD_ROOTS=/pictures \
    SIMD_STATE_DIR=/state \
    TMPDIR=/state
COPY --from=models /models /opt/simd/models
USER 65532:65532
VOLUME ["/state", "/run/simd"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["simctl", "health"]
ENTRYPOINT ["simd"]
CMD ["serve"]

FROM daemon AS gpu
# Honoured by the NVIDIA container runtime.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=gpu-environment /opt/simd /opt/simd

FROM daemon AS cpu
COPY --from=cpu-environment /opt/simd /opt/simd
