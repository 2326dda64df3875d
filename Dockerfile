# One image for the service and for its workers. Build: docker build -t screener .
# Text with notes: docs/operations.md. Weights and sample clips are in the repository, so the build fetches only
# packages, each held to the hash in requirements.lock (the build tool, hatchling, aside).
FROM python:3.11-slim-bookworm

# What OpenCV needs on a slim machine (`screener doctor` names it where it is missing).
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /build
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY models models
COPY sample_videos sample_videos
COPY screener screener
COPY api api
RUN pip install --no-cache-dir --no-deps . && rm -rf /build

# Nobody in particular, who owns nothing but /data.
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin screener \
    && install -d -o screener -g screener -m 700 /data
USER screener
WORKDIR /home/screener
VOLUME /data

# Off loopback only clinic mode starts, and only with SCREENER_SECRET set: it is not in the image.
ENV SCREENER_MODE=clinic \
    SCREENER_HOST=0.0.0.0 \
    SCREENER_PORT=8000 \
    SCREENER_DATA_DIR=/data \
    SCREENER_LOG_FORMAT=json \
    PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["screener", "serve"]
