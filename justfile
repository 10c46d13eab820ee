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

# Every rig in its long form: power loss, kills and failing calls, crowds, flipped bits, hostile bytes.
rigs:
    cargo build --release -p slipway -p slipway-crashrec -p slipway-killsweep -p slipway-fuzz
    target/release/slipway-crashrec --self-test --fs ext4,xfs,btrfs
    target/release/slipway-crashrec --points 300 --fs ext4,xfs
    target/release/slipway-killsweep self-test
    target/release/slipway-killsweep sweep --points 300
    target/release/slipway-killsweep crowd --rounds 1000
    target/release/slipway-killsweep rot --flips 2000
    # A state folder with base images; its downloads are those of the tests where there are any.
    rm -rf target/rigs
    mkdir -p target/rigs/state
    if [ -d target/tmp/state/downloads ]; then cp -r target/tmp/state/downloads target/rigs/state/; fi
    SLIPWAY_HOME="$PWD/target/rigs/state" target/release/slipway build samples/custom-buildpack-bash/app --buildpack samples/custom-buildpack-bash/buildpack -t rigs
    target/release/slipway-killsweep build --slipway target/release/slipway --state target/rigs/state --points 300 --moments 100
    target/release/slipway-killsweep builds --slipway target/release/slipway --state target/rigs/state --count 32
    target/release/slipway-fuzz self-test
    target/release/slipway-fuzz run --seconds 120

# Hostile bytes for every decoder, so many seconds each; `--target tar` for one of them.
fuzz seconds *args:
    cargo run --release -p slipway-fuzz -- run --seconds {{seconds}} {{args}}

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
