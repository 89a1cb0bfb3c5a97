//! What a file is, by its bytes: nothing that is said of it counts. Pure, but for reading through a function that is handed in.

use std::io;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A picture.
    Picture,
    /// A video.
    Video,
    /// What came of a batch: JSON, line by line.
    Lines,
}

impl Kind {
    /// The word for messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Video => "video",
            Self::Lines => "result of a batch",
        }
    }

    /// The largest one that is fetched (bytes; ours). A picture of 1664 by 928 has 4.6 MB without compression; videos of the
    /// models on offer last five seconds.
    pub fn most_bytes(self) -> u64 {
        match self {
            Self::Picture => 16 << 20,
            Self::Video => 512 << 20,
            // 5,000 lines (siliconflow-api.md, section 13) of 200 KB each.
            Self::Lines => 1 << 30,
        }
    }
}

/// A format that is kept. No SVG and no HTML: both can hold scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
    /// GIF.
    Gif,
    /// MP4.
    Mp4,
    /// Lines of JSON. Text says nothing of itself: it is only taken where lines were asked for.
    Jsonl,
}

/// Reads bytes at an offset into all of a buffer.
pub(super) type ReadAt<'a> = &'a dyn Fn(u64, &mut [u8]) -> io::Result<()>;

/// Bytes from which the format can be seen.
pub(super) const HEAD: usize = 16;

/// Within so many bytes of its end a whole file has its end mark (ours): some programs write a little behind it.
const TAIL: u64 = 1024;

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Png, Self::Jpeg, Self::Webp, Self::Gif, Self::Mp4, Self::Jsonl];

    /// The format of a file that begins with `head`.
    pub fn of(head: &[u8]) -> Option<Self> {
        let is = |at: usize, mark: &[u8]| head.get(at..at + mark.len()) == Some(mark);
        if is(0, b"\x89PNG\r\n\x1a\n") && is(12, b"IHDR") {
            Some(Self::Png)
        } else if is(0, b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if is(0, b"RIFF") && is(8, b"WEBP") {
            Some(Self::Webp)
        } else if is(0, b"GIF87a") || is(0, b"GIF89a") {
            Some(Self::Gif)
        } else if is(4, b"ftyp") {
            Some(Self::Mp4)
        } else {
            None
        }
    }

    /// The format of a file that was asked for as `kind` and begins with `head`.
    pub fn of_kind(kind: Kind, head: &[u8]) -> Option<Self> {
        match kind {
            Kind::Lines => matches!(head.first(), None | Some(b'{')).then_some(Self::Jsonl),
            kind => Self::of(head).filter(|format| format.kind() == kind),
        }
    }

    /// What it is a format of.
    pub fn kind(self) -> Kind {
        match self {
            Self::Mp4 => Kind::Video,
            Self::Jsonl => Kind::Lines,
            _ => Kind::Picture,
        }
    }

    /// The MIME type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Mp4 => "video/mp4",
            Self::Jsonl => "application/jsonl",
        }
    }

    /// The ending of file names, and OpenAI's name (`output_format`).
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Mp4 => "mp4",
            Self::Jsonl => "jsonl",
        }
    }

    /// Whether a file of `length` bytes is all there: a length that lied, or a connection that ended, cuts the end off.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_whole(self, length: u64, read: ReadAt<'_>) -> io::Result<bool> {
        match self {
            Self::Png => ends_with(length, read, b"IEND\xae\x42\x60\x82"),
            Self::Jpeg => ends_with(length, read, b"\xff\xd9"),
            Self::Gif => ends_with(length, read, b"\x3b"),
            Self::Webp => {
                let mut size = [0; 4];
                read(4, &mut size)?;
                Ok(u64::from(u32::from_le_bytes(size)) + 8 <= length)
            }
            Self::Mp4 => boxes_fit(length, read),
            Self::Jsonl if length == 0 => Ok(true),
            Self::Jsonl => {
                let mut last = [0];
                read(length - 1, &mut last)?;
                Ok(matches!(last, [b'\n' | b'}']))
            }
        }
    }
}

fn ends_with(length: u64, read: ReadAt<'_>, mark: &[u8]) -> io::Result<bool> {
    let mut tail = vec![0; usize::try_from(length.min(TAIL)).unwrap_or(0)];
    read(length - tail.len() as u64, &mut tail)?;
    Ok(memchr::memmem::rfind(&tail, mark).is_some())
}

/// Whether the boxes of an MP4 (ISO 14496-12) fill it to the last byte.
fn boxes_fit(length: u64, read: ReadAt<'_>) -> io::Result<bool> {
    /// A file of more boxes is none (ours): real ones have a handful.
    const MOST_BOXES: usize = 4096;
    let mut at = 0;
    for _ in 0..MOST_BOXES {
        if at == length {
            return Ok(true);
        }
        if length - at < 8 {
            return Ok(false);
        }
        let mut short = [0; 4];
        read(at, &mut short)?;
        let size = match u32::from_be_bytes(short) {
            0 => return Ok(true),
            1 if length - at < 16 => return Ok(false),
            1 => {
                let mut long = [0; 8];
                read(at + 8, &mut long)?;
                u64::from_be_bytes(long)
            }
            size => u64::from(size),
        };
        if size < 8 || size > length - at {
            return Ok(false);
        }
        at += size;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(bytes: &[u8]) -> bool {
        let read = |at: u64, out: &mut [u8]| {
            let at = usize::try_from(at).unwrap();
            out.copy_from_slice(bytes.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        };
        Format::of(bytes).is_some_and(|format| format.is_whole(bytes.len() as u64, &read).unwrap())
    }

    /// The smallest of each kind that passes.
    fn samples() -> Vec<(Format, Vec<u8>)> {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR....................\0\0\0\0IEND\xae\x42\x60\x82".to_vec();
        let webp = [&b"RIFF"[..], &20_u32.to_le_bytes(), b"WEBPVP8 ............"].concat();
        let mp4 = [&24_u32.to_be_bytes()[..], b"ftypisom\0\0\0\0isomiso2", &12_u32.to_be_bytes(), b"mdat...."].concat();
        vec![
            (Format::Png, png),
            (Format::Jpeg, b"\xff\xd8\xff\xe0\0\x10JFIF\0..........\xff\xd9".to_vec()),
            (Format::Webp, webp[..28].to_vec()),
            (Format::Gif, b"GIF89a............\x3b".to_vec()),
            (Format::Mp4, mp4),
        ]
    }

    #[test]
    fn each_is_seen_by_its_bytes() {
        for (format, bytes) in samples() {
            assert_eq!((Format::of(&bytes[..HEAD]), whole(&bytes)), (Some(format), true), "{format:?}");
        }
        for other in [
            &b"<!DOCTYPE html><html>"[..],
            b"<svg xmlns=\"http://www.w3.org/2000/svg\">",
            b"<?xml version=\"1.0\"?><Error>",
            b"%PDF-1.7 .........",
            b"RIFF....WAVEfmt .",
            b"{\"code\":20012}....",
            b"\x89PNG\r\n\x1a\n<html>..",
            b"",
        ] {
            assert_eq!(Format::of(other), None, "{other:?}");
        }
    }

    #[test]
    fn boxes_of_every_size() {
        let ftyp = [&24_u32.to_be_bytes()[..], b"ftypisom\0\0\0\0isomiso2"].concat();
        let long = [&ftyp[..], &1_u32.to_be_bytes(), b"mdat", &20_u64.to_be_bytes(), b"...."].concat();
        let open = [&ftyp[..], &0_u32.to_be_bytes(), b"mdat......"].concat();
        assert!(whole(&long) && whole(&open));
        let lies = [&ftyp[..], &1_u32.to_be_bytes(), b"mdat", &u64::MAX.to_be_bytes()].concat();
        let tiny = [&ftyp[..], &4_u32.to_be_bytes(), b"mdat"].concat();
        assert!(!whole(&lies) && !whole(&tiny));
    }

    #[test]
    fn lines_are_lines_only_where_they_were_asked_for() {
        assert_eq!(Format::of_kind(Kind::Lines, b"{\"custom_id\":1}"), Some(Format::Jsonl));
        assert_eq!(Format::of_kind(Kind::Lines, b""), Some(Format::Jsonl));
        assert_eq!(Format::of_kind(Kind::Lines, b"<?xml version="), None);
        assert_eq!(Format::of_kind(Kind::Picture, b"{\"custom_id\":1}"), None);
        let whole = |text: &'static [u8]| {
            let read = |at: u64, out: &mut [u8]| {
                out.copy_from_slice(&text[usize::try_from(at).unwrap()..][..out.len()]);
                Ok(())
            };
            Format::Jsonl.is_whole(text.len() as u64, &read).unwrap()
        };
        assert!(whole(b"") && whole(b"{}\n") && whole(b"{}") && !whole(b"{\"a\":1"));
    }

    proptest! {
        /// Whatever is cut off from its end, a file is no longer whole, and nothing panics.
        #[test]
        fn a_torn_file_is_never_whole(index in 0_usize..5, cut in 1_usize..12) {
            let (format, bytes) = samples().swap_remove(index);
            let torn = &bytes[..bytes.len() - cut];
            prop_assert!(!whole(torn) || format == Format::Gif && torn.ends_with(b"\x3b"), "{format:?} without {cut}");
        }

        #[test]
        fn any_bytes_are_judged(bytes: Vec<u8>, index in 0_usize..5) {
            let _never_panics = whole(&bytes);
            let (_, mut sample) = samples().swap_remove(index);
            sample.truncate(HEAD);
            sample.extend(bytes);
            let _never_panics = whole(&sample);
        }
    }
}
