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

# The store's fault rigs in their long form: power loss, kills and failing calls, crowds, flipped bits.
rigs:
    cargo build --release -p slipway-crashrec -p slipway-killsweep
    target/release/slipway-crashrec --self-test --fs ext4,xfs,btrfs
    target/release/slipway-crashrec --points 300 --fs ext4,xfs
    target/release/slipway-killsweep self-test
    target/release/slipway-killsweep sweep --points 300
    target/release/slipway-killsweep crowd --rounds 1000
    target/release/slipway-killsweep rot --flips 2000

# Ratios beside the alternative, in one run.
bench:
    cargo build --release
    cargo bench -p slipway

# The store on pinned wheels and Debian packages beside gzip, casync, restic and borg; `just corpora --long` packs 10 GiB too.
corpora *args:
    cargo run --release -p slipway-corpora -- {{args}}

# Whole builds beside docker on the same base, by hyperfine; needs root for dockerd.
beside:
    cargo build --release -p slipway
    cargo run -p slipway-beside

# The three longest files.
longest:
    @git ls-files '*.rs' | grep -v '^tests/' | xargs wc -l | sort -rn | sed -n 2,4p
