//! Buildpack slipway/pip: installs requirements.txt into a venv.
