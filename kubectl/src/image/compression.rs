//! Compressed archives, told by their first bytes.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::error::Fault;

/// Whether a file begins as a compressed one does.
pub(super) fn is_compressed(head: &[u8]) -> bool {
    !matches!(Format::of(head), Ok(Format::Plain))
}

enum Format {
    Plain,
    Gzip,
    Zstd,
}

impl Format {
    fn of(head: &[u8]) -> Result<Self, Fault> {
        let unknown = |name| Err(Fault::Broken(format!("it is compressed by {name}, which is not read")));
        match head {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            // A frame, or one to skip, as zstd:chunked layers may begin (RFC 8878, sections 3.1.1 and 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => unknown("xz"),
            [b'B', b'Z', b'h', ..] => unknown("bzip2"),
            _ => Ok(Self::Plain),
        }
    }
}

/// What a file holds, decompressed. All members of a gzip file and all frames of a zstd file count.
pub(super) fn reader<'a>(mut file: impl BufRead + 'a) -> Result<Box<dyn Read + 'a>, Fault> {
    let head = file.fill_buf().map_err(|error| Fault::Broken(error.to_string()))?;
    Ok(match Format::of(head)? {
        Format::Plain => Box::new(file),
        Format::Gzip => Box::new(MultiGzDecoder::new(file)),
        Format::Zstd => Box::new(Frames { file, decoder: FrameDecoder::new(), begun: false }),
    })
}

/// The frames of a zstd file, one after the other.
struct Frames<R> {
    file: R,
    decoder: FrameDecoder,
    begun: bool,
}

impl<R: BufRead> Frames<R> {
    /// Begins the next frame. Returns whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.file.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.file) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.file.by_ref().take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.begun {
                let whole = self.decoder.is_finished();
                if self.decoder.can_collect() > 0 {
                    return self.decoder.read(buffer);
                }
                if !whole {
                    let one = BlockDecodingStrategy::UptoBlocks(1);
                    self.decoder.decode_blocks(&mut self.file, one).map_err(io::Error::other)?;
                    continue;
                }
                let expected = self.decoder.get_checksum_from_data();
                if expected.is_some() && expected != self.decoder.get_calculated_checksum() {
                    return Err(io::Error::other("the checksum of a zstd frame is wrong"));
                }
            }
            self.begun = self.begin()?;
            if !self.begun {
                return Ok(0);
            }
        }
    }
}
