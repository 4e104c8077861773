//! A picture that goes with a question.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// Most bytes of a picture.
pub const IMAGE_MAX: usize = 5 << 20;
/// Most pictures of one message.
pub const IMAGES_MAX: usize = 8;
/// The forms that every provider takes.
pub const FORMS: &str = "PNG, JPEG, GIF or WebP";

/// A picture. Two with the same content are the same. Journals and cassettes know it by its hash.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Image {
    /// Its form, such as `image/png`.
    pub mime: String,
    /// The hash of its content.
    pub hash: String,
    /// How many bytes it has.
    pub bytes: usize,
    /// Its content in base64. What was read from a journal has none.
    #[serde(skip)]
    data: Rc<str>,
}

/// Bytes that cannot be sent as a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageFault {
    /// They are no picture, or one that not every provider takes.
    #[error("is not a {FORMS} picture")]
    Form,
    /// There are too many of them.
    #[error("has {0} bytes; the maximum is {IMAGE_MAX}")]
    Size(usize),
    /// The text is none that starts with `data:` and continues in base64.
    #[error("is not a text of the form `data:image/png;base64,..`")]
    Text,
}

impl Image {
    /// Makes a picture of its bytes. What they are is seen from their beginning, and from no name.
    pub fn of(bytes: &[u8]) -> Result<Image, ImageFault> {
        if bytes.len() > IMAGE_MAX {
            return Err(ImageFault::Size(bytes.len()));
        }

        let mime = form(bytes).ok_or(ImageFault::Form)?.to_owned();
        let hash = blake3::hash(bytes).to_hex()[..32].to_owned();
        Ok(Image { mime, hash, bytes: bytes.len(), data: STANDARD.encode(bytes).into() })
    }

    /// Reads a picture that stands in a text.
    pub fn of_text(text: &str) -> Result<Image, ImageFault> {
        let rest = text.strip_prefix("data:").ok_or(ImageFault::Text)?;
        let (head, data) = rest.split_once(',').ok_or(ImageFault::Text)?;
        if !head.ends_with(";base64") {
            return Err(ImageFault::Text);
        }

        let bytes = STANDARD.decode(data.trim()).map_err(|_| ImageFault::Text)?;
        Image::of(&bytes)
    }

    /// Returns its content in base64.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// Returns it as a text.
    pub fn to_text(&self) -> String {
        format!("data:{};base64,{}", self.mime, self.data)
    }

    /// Tells whether its content is there.
    pub fn is_whole(&self) -> bool {
        !self.data.is_empty()
    }
}

impl PartialEq for Image {
    fn eq(&self, other: &Image) -> bool {
        (&self.mime, &self.hash) == (&other.mime, &other.hash)
    }
}

impl Eq for Image {}

impl Hash for Image {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.mime, &self.hash).hash(state);
    }
}

/// Writes pictures whole, each as a text, for a conversation that is to continue elsewhere.
pub mod whole {
    use super::Image;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes them.
    pub fn serialize<S: Serializer>(images: &[Image], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(images.iter().map(Image::to_text))
    }

    /// Reads them.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Image>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| Image::of_text(text).map_err(D::Error::custom)).collect()
    }
}

fn form(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GIF: &[u8] = b"GIF89a-";

    #[test]
    fn a_picture_is_known_by_its_content_and_by_no_name() {
        let image = Image::of(GIF).expect("a picture");
        assert_eq!((image.mime.as_str(), image.data()), ("image/gif", "R0lGODlhLQ=="));
        assert_eq!(Image::of_text(&image.to_text()), Ok(image.clone()));
        // What a text calls itself does not count.
        assert_eq!(Image::of_text("data:image/png;base64,R0lGODlhLQ=="), Ok(image.clone()));

        let kept = json!(image);
        assert_eq!(kept, json!({ "mime": "image/gif", "hash": image.hash, "bytes": 7 }));
        let read: Image = serde_json::from_value(kept).expect("a picture");
        assert_eq!((read.is_whole(), &read), (false, &image));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for bytes in [&b""[..], b"%PDF-1.7", b"<svg/>", b"GIF88a", b"RIFF....WAVE", b"\x89PNG"] {
            assert_eq!(Image::of(bytes), Err(ImageFault::Form));
        }
        let large = [GIF, &vec![0; IMAGE_MAX][..]].concat();
        assert_eq!(Image::of(&large), Err(ImageFault::Size(IMAGE_MAX + 7)));

        for text in ["data:", "data:image/gif,abc", "data:image/gif;base64,%%%", "R0lGODlhLQ=="] {
            assert_eq!(Image::of_text(text), Err(ImageFault::Text));
        }
    }
}
