//! Flaws of today's store that a rig has found and that wait for their fix. A line goes with its fix; all other flaws fail.

/// What the text of such a flaw contains, and what is wrong.
const KNOWN: [(&str, &str); 3] = [
    (
        HALF_WRITTEN,
        "Local::list reads the temporary files of names that are being written",
    ),
    (
        "/store/.new-",
        "the temporary file of a store's `format` is never collected",
    ),
    (
        "the folder is neither empty nor a layout",
        "Layout::create does not go on where it was interrupted before it wrote its marker",
    ),
];

/// What the judge says of a listed name whose only record is half written.
pub(crate) const HALF_WRITTEN: &str = "what is listed is a half-written record";

/// Whether it waits for its fix.
pub fn is_known(flaw: &str) -> bool {
    KNOWN.iter().any(|(text, _)| flaw.contains(text))
}
