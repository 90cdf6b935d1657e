# One image for the page, the nodes and Flower; docker-compose.yml says which command each of them runs.

# The page: needs Node, which a wheel brings, and nothing of Python's side.
FROM python:3.11-slim-bookworm AS page
WORKDIR /src
COPY hatch_build.py ./
RUN python -m venv /opt/node \
 && python hatch_build.py requirements >node.txt \
 && /opt/node/bin/pip install --no-cache-dir --requirement node.txt
COPY webapp/frontend webapp/frontend
RUN /opt/node/bin/python hatch_build.py

# The environment: dependencies first, in a layer that lasts until they change.
FROM python:3.11-slim-bookworm AS environment
WORKDIR /src
RUN python -m venv --without-pip /opt/venv
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
    >requirements.txt \
 && pip --python /opt/venv/bin/python install --no-cache-dir --constraint constraints.txt --requirement requirements.txt
COPY . .
COPY --from=page /src/webapp/static webapp/static
RUN pip --python /opt/venv/bin/python install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
# Faster JPEGs (everything works without), and letters with accents for watermarks.
RUN apt-get update && apt-get install --yes --no-install-recommends fonts-dejavu-core libturbojpeg0 && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 10001 cumulo \
 && useradd --system --uid 10001 --gid cumulo --no-create-home --home-dir /data cumulo \
 && install --directory --owner=cumulo --group=cumulo --mode=0750 /data
COPY --from=environment /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CUMULO_DATA=/data
# By number: orchestrators check that it is not root.
USER 10001:10001
WORKDIR /data
EXPOSE 8000 5555
CMD ["cumulo", "--help"]
