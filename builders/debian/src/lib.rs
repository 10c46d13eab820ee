//! Base images assembled from Debian packages.
