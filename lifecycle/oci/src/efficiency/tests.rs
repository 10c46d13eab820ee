use super::*;
use crate::tarball::{Header, Kind};
use crate::testing;

fn trees(layers: &[&[(&str, &[u8])]]) -> Vec<Tree> {
    let tree = |(number, entries): (usize, &&[(&str, &[u8])])| {
        Tree::of_tar(&mut &*testing::tar(entries), number).unwrap()
    };
    layers.iter().enumerate().map(tree).collect()
}

/// Reads a listing of files as layers; contents are zeros.
fn listed(listing: &str) -> Vec<Tree> {
    let mut tars: Vec<Vec<u8>> = Vec::new();
    for line in listing.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with("layer ") {
            tars.push(Vec::new());
            continue;
        }
        let mut parts = line.splitn(3, ' ');
        let kind = match parts.next().unwrap() {
            "d" => Kind::Dir,
            "h" => Kind::Hardlink,
            "l" => Kind::Symlink,
            _ => Kind::File,
        };
        let size: i64 = parts.next().unwrap().parse().unwrap();
        let name = parts.next().unwrap().as_bytes().to_vec();
        let header = Header {
            name,
            kind,
            size,
            ..Header::default()
        };
        let tar = tars.last_mut().unwrap();
        tar.extend(header.to_bytes().unwrap());
        tar.resize(
            tar.len() + usize::try_from(size).unwrap().next_multiple_of(512),
            0,
        );
    }
    let tree = |(number, tar): (usize, &Vec<u8>)| Tree::of_tar(&mut &**tar, number).unwrap();
    tars.iter().enumerate().map(tree).collect()
}

/// The numbers of dive's own test (`dive/image/docker/image_archive_analysis_test.go`), to the last bit.
#[test]
fn the_test_image_of_dive_has_the_numbers_that_dive_expects() {
    let found = efficiency(&listed(include_str!("dive-test-image.txt")), 1);
    assert_eq!(
        found.score.to_bits(),
        0.984_421_213_418_430_9_f64.to_bits(),
        "{}",
        found.score
    );
    assert_eq!(
        (found.size_bytes, found.user_bytes, found.wasted_bytes),
        (1_220_598, 66_237, 32_025)
    );
    assert_eq!(
        found.wasted_share.to_bits(),
        0.483_491_100_140_404_9_f64.to_bits(),
        "{}",
        found.wasted_share
    );
}

fn check(layers: &[&[(&str, &[u8])]], score: f64, wasted: &[(&str, usize, u64)]) {
    let found = efficiency(&trees(layers), 1);
    assert!(
        (found.score - score).abs() < 1e-12,
        "{} is not {score}",
        found.score
    );
    let paths: Vec<(&str, usize, u64)> = found
        .wasted
        .iter()
        .map(|wasted| {
            (
                std::str::from_utf8(&wasted.path).unwrap(),
                wasted.count,
                wasted.bytes,
            )
        })
        .collect();
    assert_eq!(paths, wasted);
    assert_eq!(
        found.wasted_bytes,
        wasted.iter().map(|(_, _, bytes)| bytes).sum::<u64>()
    );
}

/// The three cases of dive's `efficiency_test.go`, and those that its code decides without a test.
#[test]
fn what_is_there_twice_lowers_the_score() {
    check(&[], 1.0, &[]);
    check(&[&[("a", b"")]], 1.0, &[]);
    check(&[&[("a", b"12345")], &[("b", b"12345")]], 1.0, &[]);
    check(
        &[&[("a", b"12345")], &[("a", b"123")]],
        3.0 / 8.0,
        &[("/a", 2, 8)],
    );
    // A removed file counts nothing where it is removed, so its smallest size is nothing.
    check(
        &[&[("a", b"12345")], &[(".wh.a", b"")]],
        0.0,
        &[("/a", 2, 5)],
    );
    // A removed folder counts what was below it, under its own path only.
    check(
        &[
            &[("d/", b""), ("d/a", b"12"), ("d/b", b"123")],
            &[(".wh.d", b"")],
        ],
        1.0,
        &[],
    );
    check(
        &[
            &[("d/", b"")],
            &[("d/", b""), ("d/a", b"12")],
            &[(".wh.d", b"")],
        ],
        2.0 / 4.0,
        &[("/d", 2, 2)],
    );
    // To dive a folder that the layer before does not mention is no folder.
    check(
        &[&[("d/", b"")], &[("d/a", b"12")], &[(".wh.d", b"")]],
        1.0,
        &[("/d", 2, 0)],
    );
    // Folders with something in them are no leaves.
    check(
        &[
            &[("d/", b""), ("d/a", b"12")],
            &[("d/", b""), ("d/b", b"1")],
        ],
        1.0,
        &[],
    );
    check(
        &[
            &[("d/", b""), ("d/a", b"12")],
            &[("d/", b""), ("d/.wh..wh..opq", b"")],
        ],
        1.0,
        &[],
    );
    check(
        &[&[("a", b"1")], &[(".wh.absent", b"")], &[("a", b"1")]],
        0.5,
        &[("/a", 2, 2)],
    );
}

#[test]
fn the_largest_waste_comes_first() {
    let layers: &[&[(&str, &[u8])]] = &[
        &[("a", b"1"), ("b", b"123"), ("c", b"1")],
        &[("a", b"1"), ("b", b"123"), ("c", b"1")],
    ];
    check(layers, 0.5, &[("/b", 2, 6), ("/a", 2, 2), ("/c", 2, 2)]);
}

#[test]
fn the_base_is_as_many_layers_as_one_says() {
    let trees = trees(&[&[("a", b"1")], &[("b", b"12")], &[("b", b"123")]]);
    let user = |base| efficiency(&trees, base).user_bytes;
    assert_eq!(
        (user(0), user(1), user(2), user(3), user(9)),
        (6, 5, 3, 0, 0)
    );
    assert!((efficiency(&trees, 3).wasted_share - 0.0).abs() < 1e-12);
}
