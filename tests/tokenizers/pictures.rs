//! Pictures: tokens by Qwen's published rule, for heads of files made here.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flowgate::quota::estimate::{Calibration, Feature, Features};

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    file.extend(width.to_be_bytes());
    file.extend(height.to_be_bytes());
    file.extend([8, 6, 0, 0, 0]);
    file
}

/// A JPEG whose frame header stands behind `before` bytes of other segments.
fn jpeg(width: u16, height: u16, before: u16) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8, 0xFF, 0xE0];
    file.extend((before + 2).to_be_bytes());
    file.extend(std::iter::repeat_n(0xFF, usize::from(before)));
    file.extend([0xFF, 0xC4, 0, 3, 7, 0xFF, 0xFF, 0xC2, 0, 17, 8]);
    file.extend(height.to_be_bytes());
    file.extend(width.to_be_bytes());
    file.extend([3, 1, 0x22, 0]);
    file
}

fn gif(width: u16, height: u16) -> Vec<u8> {
    [b"GIF89a".as_slice(), &width.to_le_bytes(), &height.to_le_bytes(), &[0; 8]].concat()
}

fn webp(width: u32, height: u32) -> Vec<u8> {
    let size = |pixels: u32| (pixels - 1).to_le_bytes()[..3].to_vec();
    [b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0".to_vec(), size(width), size(height)].concat()
}

fn message(url: &str, detail: &str) -> String {
    let part = format!(r#"{{"type":"image_url","image_url":{{"url":"{url}"{detail}}}}}"#);
    format!(r#"[{{"role":"user","content":[{part},{{"type":"text","text":"What is this?"}}]}}]"#)
}

fn url(file: &[u8]) -> String {
    format!("data:image/whatever;base64,{}", BASE64_STANDARD.encode(file))
}

fn tokens(messages: &str) -> f64 {
    Features::of_chat(messages, None).get(Feature::ImageToken)
}

/// By `smart_resize` of qwen-vl-utils 0.0.14 with its numbers for Qwen2.5-VL, worked out by hand or by it.
#[test]
fn sizes_give_the_published_tokens() {
    let cases = [
        ((1024, 768), 37.0 * 27.0),
        ((1920, 1080), 69.0 * 39.0),
        ((28, 28), 2.0 * 2.0),
        ((1, 1), 2.0 * 2.0),
        ((448, 448), 256.0),
        ((640, 480), 23.0 * 17.0),
        ((8000, 6000), 147.0 * 110.0),
    ];
    for ((width, height), expected) in cases {
        assert_eq!(tokens(&message(&url(&png(width, height)), "")), expected, "{width} by {height}");
    }
}

#[test]
fn every_format_is_read() {
    let expected = 37.0 * 27.0;
    for file in [png(1024, 768), jpeg(1024, 768, 14), jpeg(1024, 768, 60_000), gif(1024, 768), webp(1024, 768)] {
        let url = url(&file);
        assert_eq!(tokens(&message(&url, "")), expected, "{url:.60}");
        assert_eq!(tokens(&message(&url, r#","detail":"high""#)), expected);
        assert_eq!(tokens(&message(&url, r#","detail":"low""#)), 256.0);
    }
    let escaped = url(&jpeg(1024, 768, 14)).replace('/', "\\/");
    assert_eq!(tokens(&message(&escaped, "")), expected, "slashes as PHP writes them");
}

#[test]
fn other_shapes_are_understood() {
    let (data, link) = (BASE64_STANDARD.encode(png(1024, 768)), url(&png(1024, 768)));
    let anthropic = format!(
        r#"[{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{data}"}}}}]}}]"#
    );
    let plain =
        format!(r#"[{{"role":"user","content":[{{"type":"input_image","image_url":"{link}","detail":"low"}}]}}]"#);
    assert_eq!(tokens(&anthropic), 37.0 * 27.0);
    assert_eq!(tokens(&plain), 256.0);
    let embed = Features::of_input(&format!(r#"[{{"image":"{link}"}},{{"text":"a house"}}]"#));
    assert_eq!((embed.get(Feature::ImageToken), embed.get(Feature::Word), embed.get(Feature::Item)), (999.0, 2.0, 2.0));
}

/// The bytes of a picture are no text, whatever its size.
#[test]
fn pictures_of_unknown_size_are_a_prior_that_learns() {
    let features = Features::of_chat(&message("https://example.com/cat.jpg", ""), None);
    assert_eq!((features.get(Feature::UnknownImage), features.get(Feature::Image)), (1.0, 1.0));
    let broken = Features::of_chat(&message(&url(&[0xFF, 0xD8, 0xFF, 0xD9].repeat(9_000)), ""), None);
    assert_eq!(broken, features);

    let mut calibration = Calibration::of_model("Qwen/Qwen2.5-VL-32B-Instruct");
    let first = calibration.predict(&features);
    assert!((900.0..1_200.0).contains(&first.mean) && first.deviation > 300.0, "{first:?}");
    (0..30).for_each(|_| calibration.learn(&features, 400));
    let then = calibration.predict(&features);
    assert!((380.0..420.0).contains(&then.mean) && then.deviation < 100.0, "{then:?}");
}
