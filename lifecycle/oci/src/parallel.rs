//! n jobs on all cores: results in order, the first error wins.
