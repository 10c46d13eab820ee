//! Buildpack slipway/procfile: process types from a Procfile.
