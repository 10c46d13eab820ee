//! A small tar, written as plainly as the format allows.

use chunks::Cutter;

use crate::inputs::{Made, blob, bytes, write};

/// A tar of small and large files, and the blob that this crate makes of it.
pub(crate) fn sample() -> (Vec<u8>, Made) {
    let mut files: Vec<_> = (0..30)
        .map(|number| {
            let folder = number / 5;
            let path = format!("usr/lib/{folder}/{number}.txt");
            (path, bytes("text", number + 1, 977 * (number % 17)))
        })
        .collect();
    files.insert(9, ("usr/lib/large".to_owned(), bytes("noise", 5, 150_001)));
    files.insert(20, ("usr/lib/zeros".to_owned(), bytes("byte", 0, 100_000)));
    let (mut tar, mut chunks, mut cutter) = (Vec::new(), Vec::new(), Cutter::new());
    for (path, content) in &files {
        chunks.extend(cutter.entry(path.as_bytes()));
        let header = header(path, content.len());
        write(&mut cutter, &header, &mut chunks);
        chunks.extend(cutter.payload(content.len() as u64));
        write(&mut cutter, content, &mut chunks);
        let padding = vec![0; content.len().next_multiple_of(512) - content.len()];
        write(&mut cutter, &padding, &mut chunks);
        tar.extend([&header[..], content, &padding].concat());
    }
    write(&mut cutter, &[0; 1024], &mut chunks);
    tar.extend([0; 1024]);
    chunks.extend(cutter.finish());
    assert_eq!(chunks.concat(), tar);
    assert!(chunks.len() > 5);
    (tar, blob(&chunks))
}

/// A header of the POSIX format for a file of `size` bytes.
fn header(path: &str, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000001\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
