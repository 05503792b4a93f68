//! Archives, byte by byte, so that they can be wrong.

use sha2::{Digest, Sha256};

/// One entry of an archive: its header by hand, so that it can be wrong.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) kind: u8,
    pub(super) link: Vec<u8>,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) content: Vec<u8>,
    pub(super) size: Option<u64>,
    pub(super) records: Vec<u8>,
}

pub(super) fn entry(kind: u8, name: &str) -> Entry {
    let mode = if kind == b'5' { 0o755 } else { 0o644 };
    Entry {
        name: name.into(),
        kind,
        link: Vec::new(),
        mode,
        owner: (0, 0),
        content: Vec::new(),
        size: None,
        records: Vec::new(),
    }
}

pub(super) fn file(name: &str, content: &str) -> Entry {
    Entry { content: content.into(), ..entry(b'0', name) }
}

pub(super) fn directory(name: &str) -> Entry {
    entry(b'5', name)
}

pub(super) fn link(name: &str, to: &str) -> Entry {
    Entry { link: to.into(), mode: 0o777, ..entry(b'2', name) }
}

pub(super) fn hard(name: &str, to: &str) -> Entry {
    Entry { link: to.into(), ..entry(b'1', name) }
}

impl Entry {
    /// With a PAX record.
    pub(super) fn record(mut self, key: &str, value: &[u8]) -> Self {
        let body = key.len() + value.len() + 3;
        let length = (1..9).find(|digits| (body + digits).to_string().len() == *digits).unwrap() + body;
        self.records.extend(format!("{length} {key}=").bytes().chain(value.iter().copied()).chain([b'\n']));
        self
    }

    pub(super) fn write(&self, archive: &mut Vec<u8>) {
        if !self.records.is_empty() {
            Entry { content: self.records.clone(), ..entry(b'x', "PaxHeaders/x") }.write(archive);
        }
        for (kind, text) in [(b'L', &self.name), (b'K', &self.link)] {
            if text.len() > 100 {
                Entry { content: [text, &b"\0"[..]].concat(), ..entry(kind, "././@LongLink") }.write(archive);
            }
        }
        let mut block = [0; 512];
        let mut put = |at: usize, bytes: &[u8], most: usize| {
            let bytes = &bytes[..bytes.len().min(most)];
            block[at..at + bytes.len()].copy_from_slice(bytes);
        };
        put(0, &self.name, 100);
        put(100, format!("{:07o}", self.mode).as_bytes(), 8);
        put(108, format!("{:07o}", self.owner.0).as_bytes(), 8);
        put(116, format!("{:07o}", self.owner.1).as_bytes(), 8);
        put(124, format!("{:011o}", self.size.unwrap_or(self.content.len() as u64)).as_bytes(), 12);
        put(136, b"00000000000", 12);
        put(148, b"        ", 8);
        put(156, &[self.kind], 1);
        put(157, &self.link, 100);
        put(257, b"ustar  \0", 8);
        if matches!(self.kind, b'3' | b'4') {
            put(329, b"0000001", 8);
            put(337, b"0000003", 8);
        }
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(block);
        archive.extend(&self.content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
}

pub(super) fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        entry.write(&mut bytes);
    }
    bytes.extend([0; 1024]);
    bytes
}

pub(super) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The files of an OCI layout with these blobs, and the descriptors of its index.
pub(super) fn layout(blobs: &[&[u8]], manifests: &str) -> Vec<Entry> {
    let mut files: Vec<Entry> = blobs
        .iter()
        .map(|blob| Entry { content: blob.to_vec(), ..entry(b'0', &format!("blobs/sha256/{}", hex(blob))) })
        .collect();
    files.push(file("oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}"));
    files.push(file("index.json", &format!("{{\"manifests\": [{manifests}]}}")));
    files
}

pub(super) fn descriptor(blob: &[u8], more: &str) -> String {
    format!("{{\"digest\": \"sha256:{}\", \"size\": {}{more}}}", hex(blob), blob.len())
}

/// The configuration and the manifest of an image of these layers.
pub(super) fn image(layers: &[Vec<u8>], architecture: &str) -> (Vec<u8>, Vec<u8>) {
    let config = format!("{{\"os\": \"linux\", \"architecture\": \"{architecture}\"}}").into_bytes();
    let layers: Vec<String> = layers.iter().map(|layer| descriptor(layer, "")).collect();
    let manifest = format!("{{\"config\": {}, \"layers\": [{}]}}", descriptor(&config, ""), layers.join(", "));
    (config, manifest.into_bytes())
}

/// An OCI archive of layers of these bytes.
pub(super) fn oci(layers: &[Vec<u8>]) -> Vec<u8> {
    let (config, manifest) = image(layers, "amd64");
    let mut blobs: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    blobs.extend([config.as_slice(), manifest.as_slice()]);
    archive(&layout(&blobs, &descriptor(&manifest, "")))
}
