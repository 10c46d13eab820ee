//! Names and file formats of the Cloud Native Buildpacks spec: parse and print, nothing else.
