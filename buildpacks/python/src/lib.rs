//! Buildpack slipway/python: the interpreter of the run image.
