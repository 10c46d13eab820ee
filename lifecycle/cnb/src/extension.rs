//! Files of image extensions.
//!
//! Spec: image_extension.md, "Data Format".

mod extension_toml;

pub use extension_toml::{ExtensionInfo, ExtensionToml};
