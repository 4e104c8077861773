//! The option `images`: pictures that go with a question, as paths, texts or bytes.

use super::data;
use crate::base::failure::{Failure, Kind};
use crate::flow::op::OpKind;
use crate::model::image::{IMAGE_MAX, IMAGES_MAX, Image, ImageFault};
use crate::script::host::context::Inner;
use crate::script::host::convert;
use crate::script::host::options::Options;
use rhai::{Array, Blob, Dynamic};
use std::rc::Rc;

/// Reads the pictures of a question. A file needs the right to be read.
pub(super) fn read(host: &Rc<Inner>, options: &mut Options) -> Result<Vec<Image>, Failure> {
    let Some(value) = options.take("images") else { return Ok(Vec::new()) };

    let found = convert::type_name(&value);
    let Some(items) = value.try_cast::<Array>() else {
        let reason = format!("must be a list of paths, `data:` texts or bytes, not {found}");
        return Err(options.wrong("images", &reason));
    };
    if items.len() > IMAGES_MAX {
        let reason =
            format!("has {} pictures; at most {IMAGES_MAX} go with a question", items.len());
        return Err(options.wrong("images", &reason));
    }

    let one = |(place, item): (usize, Dynamic)| match image(host, item)? {
        Ok(image) => Ok(image),
        Err(reason) => Err(options.wrong("images", &format!("number {} {reason}", place + 1))),
    };
    items.into_iter().enumerate().map(one).collect()
}

/// Makes a picture of one item, or says why it is none.
fn image(host: &Rc<Inner>, item: Dynamic) -> Result<Result<Image, String>, Failure> {
    if let Some(bytes) = item.read_lock::<Blob>() {
        return Ok(Image::of(&bytes).map_err(|fault| fault.to_string()));
    }
    let Ok(text) = item.into_string() else {
        return Ok(Err("must be a path, a `data:` text or bytes".to_owned()));
    };

    if text.starts_with("data:") {
        return Ok(Image::of_text(&text).map_err(|fault| fault.to_string()));
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(Err("is an address; save the picture to a file and pass its path".to_owned()));
    }
    let bytes = data::read_bytes(host, &text, IMAGE_MAX)?;
    Ok(Image::of(&bytes).map_err(|fault| match fault {
        // Only its beginning was read.
        ImageFault::Size(_) => format!("(`{text}`) has more than {IMAGE_MAX} bytes"),
        ImageFault::Form | ImageFault::Text => format!("(`{text}`) {fault}"),
    }))
}

/// Reads the pictures of an operation, if it asks a question.
pub(super) fn of_operation(
    host: &Rc<Inner>,
    kind: &OpKind,
    stem: &str,
    options: &mut Options,
) -> Result<Vec<Image>, Failure> {
    let is_question = match kind {
        OpKind::Communicate(_) | OpKind::Chat(_) | OpKind::Operate(_) | OpKind::React(_) => true,
        OpKind::Parse(_)
        | OpKind::Act(_)
        | OpKind::Ask(_)
        | OpKind::Call(_)
        | OpKind::Expand { .. } => false,
    };
    if is_question {
        return read(host, options);
    }

    if options.take("images").is_some() {
        let message = format!("operation kind `{stem}` does not accept `images`");
        return Err(Failure::new(Kind::Option, message));
    }
    Ok(Vec::new())
}
