# What is done daily; `just` lists it.

default:
    @just --list

# Format, lint, test: the fast subset of CI.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test --workspace

# Tests of one crate: `just test oci`.
test crate:
    cargo test -p slipway-{{crate}}

# What users do, through the binary.
it *filter:
    cargo test -p slipway --test it -- {{filter}}

# The recorded behaviour of the Go lifecycle, with counts.
conformance:
    cargo test -p slipway --test conformance -- --nocapture --test-threads 1

# Rewrites golden files; review the diff.
bless:
    SNAPSHOTS=overwrite cargo test --workspace

# Ratios beside the alternative, in one run.
bench:
    cargo build --release
    cargo bench -p slipway

# The three longest files.
longest:
    @git ls-files '*.rs' | grep -v '^tests/' | xargs wc -l | sort -rn | sed -n 2,4p
