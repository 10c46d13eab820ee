use super::*;
use crate::testing;

fn tree(entries: &[(&str, &[u8])]) -> Tree {
    Tree::of_tar(&mut &*testing::tar(entries), 0).unwrap()
}

fn paths(tree: &Tree) -> Vec<String> {
    let mut paths = Vec::new();
    tree.walk(&mut |path, _| paths.push(String::from_utf8(path.to_vec()).unwrap()));
    paths
}

fn check(layers: &[&[(&str, &[u8])]], expected: &[&str]) {
    let layers: Vec<Tree> = layers.iter().map(|entries| tree(entries)).collect();
    assert_eq!(paths(&Tree::stacked(&layers)), expected);
}

#[test]
fn layers_join_and_replace() {
    check(
        &[
            &[("a/", b""), ("a/one", b"1")],
            &[("a/two", b"2"), ("b", b"")],
        ],
        &["/a", "/a/one", "/a/two", "/b"],
    );
    check(&[&[("./a", b"")], &[("/a", b"new")]], &["/a"]);
    check(
        &[&[("a/../b/./c", b"")], &[("../../d", b"")]],
        &["/b", "/b/c", "/d"],
    );
}

#[test]
fn whiteouts_remove_what_lower_layers_have() {
    check(
        &[&[("a/", b""), ("a/x", b""), ("b", b"")], &[(".wh.a", b"")]],
        &["/b"],
    );
    check(
        &[&[("a/x", b""), ("a/y", b"")], &[("a/.wh.x", b"")]],
        &["/a", "/a/y"],
    );
    check(&[&[("a", b"")], &[("a", b"new"), (".wh.a", b"")]], &["/a"]);
    check(
        &[&[("a", b"")], &[(".wh.absent", b""), (".wh..wh.aufs", b"")]],
        &["/a"],
    );
}

#[test]
fn an_opaque_folder_hides_what_lower_layers_have_in_it() {
    check(
        &[
            &[("a/x", b""), ("b", b"")],
            &[("a/", b""), ("a/.wh..wh..opq", b""), ("a/y", b"")],
        ],
        &["/a", "/a/y", "/b"],
    );
    check(
        &[&[("a/x", b"")], &[("a/y", b""), ("a/.wh..wh..opq", b"")]],
        &["/a", "/a/y"],
    );
}

#[test]
fn a_file_takes_the_place_of_a_folder_and_back() {
    check(&[&[("a/x", b"")], &[("a", b"file")]], &["/a"]);
    check(
        &[&[("a", b"file")], &[("a/", b""), ("a/x", b"")]],
        &["/a", "/a/x"],
    );
    check(&[&[("a", b"file")], &[("a/x", b"")]], &["/a", "/a/x"]);
}

#[test]
fn a_folder_that_is_mentioned_again_keeps_its_files() {
    check(
        &[&[("a/", b""), ("a/x", b"")], &[("a/", b"")]],
        &["/a", "/a/x"],
    );
}

#[test]
fn nodes_know_sizes_digests_and_layers() {
    let mut merged = tree(&[("a/", b""), ("a/x", b"12345")]);
    merged.stack(&Tree::of_tar(&mut &*testing::tar(&[("a/y", b"123")]), 7).unwrap());
    let folder = merged.get(b"/a").unwrap();
    assert_eq!(
        (folder.size(), folder.is_dir(), folder.children().len()),
        (8, true, 2)
    );
    let file = merged.get(b"a/y").unwrap().file().unwrap();
    assert_eq!(
        (file.size, file.layer, file.content),
        (3, 7, Some(Digest::of(b"123")))
    );
    assert!(merged.get(b"/a/z").is_none() && merged.get(b"/").is_some());
}

#[test]
fn a_tree_of_any_allowed_depth_is_walked_and_a_deeper_one_refused() {
    let deep = "d/".repeat(DEPTH);
    let mut layer = tree(&[(&deep, b"")]);
    let again = layer.clone();
    layer.stack(&again);
    assert_eq!(paths(&layer).len(), DEPTH);
    let error =
        Tree::of_tar(&mut &*testing::tar(&[(&"d/".repeat(DEPTH + 1), b"")]), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn the_trees_of_an_image_come_from_its_layers() {
    let store: std::sync::Arc<dyn crate::Store> = crate::Memory::new();
    let image = testing::image(1, 3, &store);
    let trees = Tree::of_layers(image.layers()).unwrap();
    assert_eq!(
        paths(&Tree::stacked(&trees)),
        ["/srv", "/srv/file-0", "/srv/file-1", "/srv/file-2"]
    );
    assert_eq!(
        trees[2].get(b"/srv/file-2").unwrap().file().unwrap().layer,
        2
    );
}
