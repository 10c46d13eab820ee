# What slipway does with a folder that has a requirements.txt, as docker's users write it: two stages, uv, one layer for the packages.
FROM slipway-build-lite AS packages
USER root
COPY requirements.txt /requirements.txt
RUN --mount=type=bind,from=tools,target=/tools \
    /tools/uv venv -q --python /usr/bin/python3 /venv && \
    /tools/uv pip install -q --no-cache --python /venv/bin/python --no-index --find-links /tools/wheels -r /requirements.txt

FROM slipway-python
COPY --from=packages /venv /venv
ENV PATH=/venv/bin:/usr/bin:/bin
COPY . /workspace
WORKDIR /workspace
