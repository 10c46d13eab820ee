use super::*;
use crate::testing;

fn check(old: &[(&str, &[u8])], new: &[(&str, &[u8])], expected: &str) {
    let tree = |entries: &[(&str, &[u8])], layer| {
        Tree::of_tar(&mut &*testing::tar(entries), layer).unwrap()
    };
    let changes = diff(&tree(old, 0), &tree(new, 1));
    let line = |change: &Change| {
        let sign = match change.what {
            What::Added(_) => '+',
            What::Removed(_) => '-',
            What::Changed { .. } => '~',
        };
        format!("{sign}{}", String::from_utf8_lossy(&change.path))
    };
    assert_eq!(
        changes.iter().map(line).collect::<Vec<_>>().join(" "),
        expected
    );
}

#[test]
fn changes_are_found_path_by_path() {
    check(&[], &[], "");
    check(&[("a", b"1")], &[("a", b"1")], "");
    check(&[("a", b"1")], &[("a", b"2")], "~/a");
    check(&[("a/", b""), ("a/x", b"")], &[("a", b"")], "~/a -/a/x");
    check(
        &[("b", b"")],
        &[("a/", b""), ("a/x", b""), ("b", b"")],
        "+/a +/a/x",
    );
    check(&[("a-b", b""), ("a/x", b"")], &[], "-/a/x -/a-b");
}
