# Voltgate in one small image; the role is chosen by the command: serve --role csms|api|worker.
FROM python:3.13-slim AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock ./
RUN python -m venv /opt/voltgate \
    && python -m pip install --constraint requirements.lock hatchling
COPY . .
RUN python -m hatchling build --target wheel --directory /dist \
    && /opt/voltgate/bin/python -m pip install --constraint requirements.lock /dist/*.whl \
    && /opt/voltgate/bin/python -m pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/voltgate voltgate
COPY --from=build /opt/voltgate /opt/voltgate
ENV PATH=/opt/voltgate/bin:$PATH PYTHONUNBUFFERED=1 VOLTGATE_HOST=0.0.0.0
USER voltgate
WORKDIR /var/lib/voltgate
RUN mkdir -m 700 voltgate-documents voltgate-pictures
# partner API, operator API with health and metrics, OCPP
EXPOSE 8080 8081 9000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8081/readyz', timeout=3)"]
ENTRYPOINT ["voltgate"]
CMD ["serve"]
