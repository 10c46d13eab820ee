//! Images as values: digest, blob, layer, image, tarball, layout, archive, efficiency.
