# A folder without packages.
FROM slipway-python
COPY . /workspace
WORKDIR /workspace
