//! OpenAI's way of asking for pictures in SiliconFlow's words. Both are JSON objects sent to the same path, so a request is not
//! built anew: members are left out and put in, and SiliconFlow's own pass as they are.
//!
//! The table of `docs/bridges.md` says what becomes of every member; a test tries each of its rows.

use std::borrow::Cow;

use super::BridgeError;
use crate::wire::json::{self, Object};

/// Most pictures that can be asked for at once (OpenAI's API reference, `n`).
const MOST: u64 = 10;
/// The largest seed (siliconflow-api.md, section 9).
const MOST_SEED: u64 = 9_999_999_999;
/// What most models take where nobody lists their sizes (ours; OpenAI's own square).
const USUAL_SIZE: &str = "1024x1024";

/// What the model takes that is asked.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// Its id, for messages.
    pub id: &'a str,
    /// The sizes it takes, its usual one first; empty where nobody knows.
    pub sizes: &'a [&'a str],
    /// Whether it has to be told a size.
    pub takes_size: bool,
    /// Most pictures of one call.
    pub most_at_once: u64,
    /// Most pictures that it takes to edit.
    pub most_inputs: usize,
    /// Whether it can be told the format of the file.
    pub takes_format: bool,
}

/// How pictures are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As links.
    Link,
    /// As base64 in the answer.
    Base64,
}

/// A request for pictures, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// How the pictures are answered.
    pub shape: Shape,
    /// Whether as events.
    pub is_streaming: bool,
    /// Whether the caller speaks to one of OpenAI's `gpt-image` models, whose answers say more.
    pub is_gpt_image: bool,
    /// The size that is asked for; `auto` where the picture that is edited decides.
    pub size: String,
    /// How many pictures each call makes; mostly there is one.
    pub parts: Vec<u64>,
    /// The seed of the first of several calls.
    pub seed: Option<u64>,
    /// Members that are left out of the request.
    pub left_out: Vec<&'static str>,
    /// Members that are put in: key and JSON.
    pub put_in: Vec<(&'static str, String)>,
    /// What was done, by name.
    pub edits: Vec<&'static str>,
}

/// Members of OpenAI's that SiliconFlow has no word for and that change nothing that was promised, with the name of the edit.
const LEFT_OUT: [(&str, &str); 6] = [
    ("quality", "without-quality"),
    ("style", "without-style"),
    ("moderation", "without-moderation"),
    ("output_compression", "without-output-compression"),
    ("input_fidelity", "without-input-fidelity"),
    ("user", "without-user"),
];

impl Drawing {
    /// Reads the request `body`, whose caller has called the model `asked`. Where the account's limits allow less than the model
    /// draws at once, `most_at_once` of `model` is that.
    ///
    /// # Errors
    /// [`BridgeError`] for what cannot be carried over.
    pub fn read(body: &Object<'_>, asked: &str, model: &Model<'_>) -> Result<Self, BridgeError> {
        let is_gpt_image = asked.starts_with("gpt-image-") || asked == "chatgpt-image-latest";
        let mut drawing = Self {
            shape: Shape::Link,
            is_streaming: false,
            is_gpt_image,
            size: String::new(),
            parts: Vec::new(),
            seed: None,
            left_out: Vec::new(),
            put_in: Vec::new(),
            edits: Vec::new(),
        };
        drawing.answer(body)?;
        drawing.background(body)?;
        drawing.size(body, model)?;
        drawing.count(body, model)?;
        drawing.formats(body, model)?;
        for (key, edit) in LEFT_OUT.into_iter().filter(|(key, _)| body.has(key)) {
            drawing.leave_out(key, edit);
        }
        refuse_masks(body)?;
        Ok(drawing)
    }

    fn leave_out(&mut self, key: &'static str, edit: &'static str) {
        self.left_out.push(key);
        if !self.edits.contains(&edit) {
            self.edits.push(edit);
        }
    }

    /// Links or base64, at once or as events. The gateway does both; SiliconFlow knows links only.
    fn answer(&mut self, body: &Object<'_>) -> Result<(), BridgeError> {
        let format = word(body, "response_format")?;
        self.shape = match format.as_deref() {
            Some("url") => Shape::Link,
            Some("b64_json") => Shape::Base64,
            None if self.is_gpt_image => Shape::Base64,
            None => Shape::Link,
            Some(_) => {
                return Err(BridgeError::about("response_format", "`response_format` must be `url` or `b64_json`."));
            }
        };
        if format.is_some() {
            self.leave_out("response_format", "response-format");
        }
        if body.get("stream").is_some_and(|stream| stream.value == "true") {
            (self.is_streaming, self.shape) = (true, Shape::Base64);
            self.leave_out("stream", "picture-stream");
        }
        if body.has("partial_images") {
            // OpenAI's own promise is "up to": the whole picture may come first.
            self.leave_out("partial_images", "without-partial-images");
        }
        Ok(())
    }

    fn background(&mut self, body: &Object<'_>) -> Result<(), BridgeError> {
        match word(body, "background")?.as_deref() {
            None => Ok(()),
            Some("auto" | "opaque") => {
                self.leave_out("background", "without-background");
                Ok(())
            }
            Some(_) => Err(BridgeError::unsupported(
                "background",
                "No model of SiliconFlow draws on a transparent background. Leave `background` out, and cut the picture out afterwards.",
            )),
        }
    }

    fn size(&mut self, body: &Object<'_>, model: &Model<'_>) -> Result<(), BridgeError> {
        let asked = word(body, "size")?.filter(|size| size != "auto");
        let own = body.string("image_size");
        let usual = model.sizes.first().copied().unwrap_or(USUAL_SIZE);
        let has_own = body.has("image_size");
        if !model.takes_size {
            if body.has("size") {
                self.leave_out("size", "without-size");
            }
            self.size = own.map_or("auto".to_owned(), Cow::into_owned);
            return Ok(());
        }
        if let Some(size) =
            asked.as_deref().filter(|size| !has_own && !model.sizes.is_empty() && !model.sizes.contains(size))
        {
            return Err(BridgeError::about(
                "size",
                format!(
                    "`{}` does not draw in the size {}. It takes {}.",
                    model.id,
                    shortened(size),
                    model.sizes.join(", ")
                ),
            ));
        }
        if body.has("size") {
            self.left_out.push("size");
        }
        self.size = own.or(asked).map_or_else(|| usual.to_owned(), Cow::into_owned);
        if !has_own {
            self.put_in("image_size", json::quote(&self.size.clone()), body);
            self.edits.push("image-size");
        } else if body.has("size") {
            self.edits.push("image-size");
        }
        Ok(())
    }

    /// How many, in how many calls.
    fn count(&mut self, body: &Object<'_>, model: &Model<'_>) -> Result<(), BridgeError> {
        let key = if body.has("batch_size") { "batch_size" } else { "n" };
        let count =
            match body.get(key).map(|member| member.value).filter(|value| *value != "null") {
                None => 1,
                Some(value) => value.parse().ok().filter(|count| (1..=MOST).contains(count)).ok_or_else(|| {
                    BridgeError::about(key, format!("`{key}` must be a whole number from 1 to {MOST}."))
                })?,
            };
        let most = model.most_at_once.max(1);
        self.parts =
            (0..count).step_by(usize::try_from(most).unwrap_or(1)).map(|first| most.min(count - first)).collect();
        let is_as_it_stands = self.parts.len() == 1 && key == "batch_size" && !body.has("n");
        if is_as_it_stands || count == 1 {
            return Ok(());
        }
        let name = if self.parts.len() > 1 { "batch-split" } else { "batch-size" };
        for key in ["n", "batch_size"].into_iter().filter(|key| body.get(key).is_some()) {
            self.leave_out(key, name);
        }
        if self.parts.len() > 1 {
            self.seed = body.get("seed").and_then(|seed| seed.value.parse().ok());
            self.left_out.extend(self.seed.map(|_| "seed"));
        }
        Ok(())
    }

    /// The picture comes in the model's own format; the answer says which that is.
    fn formats(&mut self, body: &Object<'_>, model: &Model<'_>) -> Result<(), BridgeError> {
        match word(body, "output_format")?.as_deref() {
            None => Ok(()),
            Some("png" | "jpeg" | "webp") => {
                if !model.takes_format {
                    self.leave_out("output_format", "without-output-format");
                }
                Ok(())
            }
            Some(_) => Err(BridgeError::about("output_format", "`output_format` must be `png`, `jpeg` or `webp`.")),
        }
    }

    /// Puts a member in, in place of one that is there and says nothing.
    fn put_in(&mut self, key: &'static str, value: String, body: &Object<'_>) {
        self.left_out.extend(body.get(key).map(|_| key));
        self.put_in.push((key, value));
    }

    /// What the call for the part `index` has besides, in JSON members with a comma before each. The seed of each part is
    /// another one, or all of them would draw the same.
    pub fn part(&self, index: usize) -> String {
        let mut more = String::new();
        let (before, count) = (self.parts[..index].iter().sum::<u64>(), self.parts[index]);
        if count > 1 {
            more.push_str(&format!(",\"batch_size\":{count}"));
        }
        if let Some(seed) = self.seed {
            more.push_str(&format!(",\"seed\":{}", (seed + before) % (MOST_SEED + 1)));
        }
        more
    }

    /// Whether the calls differ from the request that was put right, so that [`part`](Self::part) has to be put in.
    pub fn is_changed_by_parts(&self) -> bool {
        self.left_out.iter().any(|key| matches!(*key, "n" | "batch_size" | "seed"))
    }
}

/// A mask says which part of a picture is drawn anew.
fn refuse_masks(body: &Object<'_>) -> Result<(), BridgeError> {
    if !body.has("mask") {
        return Ok(());
    }
    Err(BridgeError::unsupported(
        "mask",
        "No model of SiliconFlow takes a mask. Leave `mask` out and say in the prompt what is to be changed and what is to stay.",
    ))
}

/// The pictures of a request for an edit, in SiliconFlow's members `image`, `image2` and `image3`: as one text (SiliconFlow's own
/// way), a list of them, or OpenAI's list of objects. Everything else of the body stays. `None` where nothing has to be done.
///
/// # Errors
/// [`BridgeError`] when a picture is of no kind that can be passed on.
pub fn inputs(body: &Object<'_>) -> Result<Option<Vec<String>>, BridgeError> {
    let images = if body.has("images") { "images" } else { "image" };
    let Some(member) = body.get(images).filter(|member| member.value != "null") else {
        return Err(BridgeError::about("image", "There is no picture to edit: send it as `image`."));
    };
    if member.value.starts_with('"') {
        return Ok(None);
    }
    let elements = json::elements(member.value).filter(|all| !all.is_empty());
    let elements = elements
        .ok_or_else(|| BridgeError::about(images, format!("`{images}` must be a picture or a list of them.")))?;
    elements.into_iter().map(|element| input(images, element)).collect::<Result<_, _>>().map(Some)
}

/// One picture as a JSON text: a data URL or a link.
fn input(images: &str, element: &str) -> Result<String, BridgeError> {
    if element.starts_with('"') {
        return Ok(element.to_owned());
    }
    let object = Object::parse(element).unwrap_or_default();
    let url = object.get("image_url").and_then(|url| match url.value.starts_with('"') {
        true => Some(url.value.to_owned()),
        false => Object::parse(url.value).ok()?.get("url").map(|url| url.value.to_owned()),
    });
    url.ok_or_else(|| {
        BridgeError::unsupported(
            images,
            "A picture must be a data URL or a link (`image_url`); files that were uploaded before cannot be edited.",
        )
    })
}

/// The member's name of the picture at `index`.
pub fn input_name(index: usize) -> String {
    if index == 0 { "image".to_owned() } else { format!("image{}", index + 1) }
}

/// Refuses more pictures than the model takes.
///
/// # Errors
/// [`BridgeError`].
pub fn check_inputs(count: usize, model: &Model<'_>) -> Result<(), BridgeError> {
    if count <= model.most_inputs {
        return Ok(());
    }
    let pictures = if model.most_inputs == 1 { "picture" } else { "pictures" };
    Err(BridgeError::about(
        "image",
        format!("`{}` takes at most {} {pictures} to edit, not {count}.", model.id, model.most_inputs),
    ))
}

/// A member that is a text; absent where it is `null`.
fn word<'a>(body: &Object<'a>, key: &'static str) -> Result<Option<Cow<'a, str>>, BridgeError> {
    if !body.has(key) {
        return Ok(None);
    }
    let word = body.string(key);
    word.map(Some).ok_or_else(|| BridgeError::about(key, format!("`{key}` must be a string.")))
}

/// A size as a caller wrote it, as far as it can be one.
fn shortened(size: &str) -> String {
    size.chars().filter(|letter| letter.is_ascii_alphanumeric()).take(16).collect()
}

#[cfg(test)]
mod tests;
