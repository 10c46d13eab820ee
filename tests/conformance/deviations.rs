//! Where we do not as the Go lifecycle v0.21 does, on purpose. Nothing else may differ (docs/design/decisions.md 24);
//! `docs/conformance.md` prints this list: after a change run the tests once with `SNAPSHOTS=overwrite`.

use snapbox::{assert_data_eq, file};

/// One thing that we do otherwise.
pub(crate) struct Deviation {
    /// File in `tests/vectors`.
    pub(crate) vectors: &'static str,
    /// Cases in which it shows; empty when a test compares with the rule in mind.
    pub(crate) cases: &'static [&'static str],
    /// Its name.
    pub(crate) rule: &'static str,
    pub(crate) go: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) why: &'static str,
}

impl Deviation {
    pub(crate) fn names(&self, vectors: &str, case: &str) -> bool {
        self.vectors == vectors && self.cases.contains(&case)
    }
}

pub(crate) const DEVIATIONS: &[Deviation] = &[
    Deviation {
        vectors: "files.jsonl",
        cases: &["files-p-0007"],
        rule: "exec-env of a module may be a list of tables",
        go: "refuses `[[buildpack.exec-env]] name = …`",
        ours: "reads it like `exec-env = [\"…\"]`",
        why: "the spec writes it that way (buildpack.md); buildpacks that follow it must work",
    },
    Deviation {
        vectors: "files.jsonl",
        cases: &["files-p-0008", "files-p-0107", "files-p-0203"],
        rule: "the variant of a target has two names",
        go: "ignores `variant`, reads `arch-variant` only",
        ours: "reads both, writes both into analyzed.toml",
        why: "the spec says `variant`; ignoring it runs a buildpack where it does not belong",
    },
    Deviation {
        vectors: "files.jsonl",
        cases: &[
            "files-p-0043",
            "files-p-0049",
            "files-p-0075",
            "files-p-0081",
            "files-p-0145",
            "files-p-0177",
            "files-p-0235",
        ],
        rule: "elements of an order may have execution environments",
        go: "ignores `exec-env` in `[[order.group]]`",
        ours: "keeps it",
        why: "the spec has it (platform.md, order.toml)",
    },
    Deviation {
        vectors: "files.jsonl",
        cases: &["files-p-0053", "files-p-0238"],
        rule: "system buildpacks may be optional",
        go: "ignores `optional` in system.toml",
        ours: "keeps it",
        why: "the spec has it (platform.md, system.toml)",
    },
    Deviation {
        vectors: "build.jsonl",
        cases: &["build-p-0033", "build-p-0076"],
        rule: "files of buildpacks are regular files",
        go: "follows a link named `<layer>.toml`, copies a folder named like an SBOM",
        ours: "refuses both, naming the file (exit 52)",
        why: "what a buildpack leaves is not trusted: a link may lead anywhere (reliability-security.md, T3)",
    },
    Deviation {
        vectors: "build.jsonl",
        cases: &["build-p-0031"],
        rule: "a file named `.toml` is no layer",
        go: "renames the whole folder of the buildpack, all of its layers are lost",
        ours: "passes over the file",
        why: "losing all layers of a buildpack without a word helps nobody",
    },
    Deviation {
        vectors: "export.jsonl",
        cases: &[],
        rule: "a PATH with an equals sign in it is kept",
        go: "takes the run image's PATH as empty when it contains `=`",
        ours: "prepends to it",
        why: "the application would not find its programs",
    },
    Deviation {
        vectors: "export.jsonl",
        cases: &[],
        rule: "layers have the media types of their image",
        go: "adds layers with Docker's type to an OCI manifest",
        ours: "adds them with the OCI type",
        why: "some registries and tools refuse mixed manifests; the OCI spec does not list that type",
    },
    Deviation {
        vectors: "restore.jsonl",
        cases: &["restore-p-0042"],
        rule: "a cached layer is unpacked into its own folder only",
        go: "writes whatever the tar names",
        ours: "leaves out entries for elsewhere, with a warning",
        why: "a cache is not trusted: it could replace the layers of other buildpacks",
    },
    Deviation {
        vectors: "restore.jsonl",
        cases: &[],
        rule: "integers in metadata stay integers",
        go: "turns them into floats when they come out of the cache",
        ours: "keeps them",
        why: "buildpacks compare what they wrote with what they read (lifecycle#884)",
    },
    Deviation {
        vectors: "env.jsonl",
        cases: &[],
        rule: "links in env folders of layers lead to layers or the application only",
        go: "reads whatever a link leads to",
        ours: "refuses others, naming the file (exit 52); no case has one",
        why: "the lifecycle may read more than the buildpack that made the link (credentials of another one, for instance)",
    },
];

#[test]
fn docs_conformance_md_prints_this_list() {
    assert_data_eq!(document(), file!["../../docs/conformance.md"].raw());
}

fn document() -> String {
    let mut text = "# Where slipway does not as the Go lifecycle does

Every other case of `tests/vectors` that is run comes out as with the Go lifecycle v0.21; cases that are not run yet are
named by `cargo test -p slipway --test conformance -- --nocapture`, files without a test have none.
This file is written by `tests/conformance/deviations.rs`.
"
    .to_owned();
    for deviation in DEVIATIONS {
        let Deviation {
            vectors,
            cases,
            rule,
            go,
            ours,
            why,
        } = deviation;
        let cases = if cases.is_empty() {
            "wherever it shows".to_owned()
        } else {
            cases.join(", ")
        };
        let entry = format!(
            "\n## {rule}\n\n- Go: {go}\n- slipway: {ours}\n- why: {why}\n- cases: `{vectors}`, {cases}\n"
        );
        text.push_str(&entry);
    }
    text
}
