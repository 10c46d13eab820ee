//! One digest of many parts, for telling whether anything of them has changed.

use oci::{Digest, Hasher};

/// Takes parts one after the other. Each goes in with its length, so that no two lists of parts look alike.
#[derive(Default)]
pub(crate) struct Sum(Hasher);

impl Sum {
    pub(crate) fn put(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// A list of parts, so that what follows it is not taken for one more.
    pub(crate) fn list<'a>(&mut self, parts: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.0.update(&(parts.len() as u64).to_le_bytes());
        parts.for_each(|part| self.put(part));
    }

    pub(crate) fn finish(self) -> Digest {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(lists: &[&[&str]]) -> Digest {
        let mut sum = Sum::default();
        for list in lists {
            sum.list(list.iter().map(|part| part.as_bytes()));
        }
        sum.finish()
    }

    #[test]
    fn where_parts_and_lists_end_makes_a_difference() {
        let all = [
            sum(&[&["ab", "c"], &["d"]]),
            sum(&[&["a", "bc"], &["d"]]),
            sum(&[&["ab"], &["c", "d"]]),
            sum(&[&["ab", "c", "d"]]),
            sum(&[&["ab", "c", "d"], &[]]),
        ];
        for (number, one) in all.iter().enumerate() {
            assert!(!all[..number].contains(one), "{number}");
        }
    }
}
