//! Temporary worlds for tests: state folders, buildpacks, apps, real programs.
