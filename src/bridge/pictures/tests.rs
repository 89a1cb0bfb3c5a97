//! OpenAI's words for pictures, one by one.

use super::*;

const KOLORS: Model<'_> = Model {
    id: "Kwai-Kolors/Kolors",
    sizes: &["1024x1024", "960x1280"],
    takes_size: true,
    most_at_once: 4,
    most_inputs: 1,
    takes_format: false,
};
const EDITS: Model<'_> = Model { id: "Qwen/Qwen-Image-Edit", sizes: &[], takes_size: false, most_at_once: 1, ..KOLORS };

fn read(body: &str, asked: &str, model: &Model<'_>) -> Result<Drawing, BridgeError> {
    Drawing::read(&Object::parse(body).unwrap(), asked, model)
}

#[test]
fn what_is_siliconflows_own_passes_as_it_is() {
    let own = r#"{"model":"m","prompt":"x","image_size":"960x1280","batch_size":3,"seed":7,"guidance_scale":7.5}"#;
    let drawing = read(own, "m", &KOLORS).unwrap();
    assert_eq!((drawing.left_out, drawing.put_in, drawing.edits), (vec![], vec![], vec![]));
    assert_eq!((drawing.parts, drawing.shape, &*drawing.size), (vec![3], Shape::Link, "960x1280"));
}

#[test]
fn sizes_are_carried_or_refused_with_those_there_are() {
    for (body, size) in [
        ("{}", "1024x1024"),
        (r#"{"size":"auto"}"#, "1024x1024"),
        (r#"{"size":"960x1280"}"#, "960x1280"),
        (r#"{"size":null}"#, "1024x1024"),
    ] {
        let drawing = read(body, "m", &KOLORS).unwrap();
        assert_eq!((&*drawing.size, drawing.edits), (size, vec!["image-size"]), "{body}");
    }
    let refused = read(r#"{"size":"1024x1792"}"#, "m", &KOLORS).unwrap_err();
    assert_eq!(refused.param.as_deref(), Some("size"));
    assert!(refused.message.contains("1024x1024, 960x1280") && refused.message.contains("1024x1792"));
    // Where nobody knows the sizes, any passes; who edits has none.
    let unknown = Model { sizes: &[], ..KOLORS };
    assert_eq!(read(r#"{"size":"512x512"}"#, "m", &unknown).unwrap().size, "512x512");
    let edit = read(r#"{"size":"512x512"}"#, "m", &EDITS).unwrap();
    assert_eq!((&*edit.size, edit.edits, edit.put_in), ("auto", vec!["without-size"], vec![]));
}

#[test]
fn many_pictures_go_in_as_few_calls_as_the_model_takes() {
    let parts = |body: &str, model: &Model<'_>| {
        let drawing = read(body, "m", model).unwrap();
        let more: Vec<String> = (0..drawing.parts.len()).map(|index| drawing.part(index)).collect();
        (drawing.parts.clone(), more.join("|"), drawing.edits)
    };
    let own = Model { most_at_once: 1, ..KOLORS };
    let sized = |body: &str| format!("{{\"image_size\":\"1024x1024\",{body}}}");
    assert_eq!(parts(&sized("\"n\":1"), &KOLORS), (vec![1], String::new(), vec![]));
    assert_eq!(parts(&sized("\"n\":3"), &KOLORS), (vec![3], ",\"batch_size\":3".to_owned(), vec!["batch-size"]));
    let (all, more, edits) = parts(&sized("\"n\":10"), &KOLORS);
    assert_eq!((all, edits), (vec![4, 4, 2], vec!["batch-split"]));
    assert_eq!(more, ",\"batch_size\":4|,\"batch_size\":4|,\"batch_size\":2");
    assert_eq!(parts(&sized("\"n\":2"), &own), (vec![1, 1], "|".to_owned(), vec!["batch-split"]));
    let (all, more, _) = parts(&sized("\"batch_size\":3,\"seed\":9999999999"), &own);
    assert_eq!((all, &*more), (vec![1, 1, 1], ",\"seed\":9999999999|,\"seed\":0|,\"seed\":1"));
    for wrong in ["0", "11", "-1", "1.5", "\"2\"", "true"] {
        assert_eq!(
            read(&sized(&format!("\"n\":{wrong}")), "m", &KOLORS).unwrap_err().param.as_deref(),
            Some("n"),
            "{wrong}"
        );
    }
}

#[test]
fn gpt_image_models_answer_with_pictures() {
    let shape = |body: &str, asked: &str| read(body, asked, &KOLORS).unwrap().shape;
    assert_eq!((shape("{}", "dall-e-3"), shape("{}", "gpt-image-1")), (Shape::Link, Shape::Base64));
    assert_eq!(shape(r#"{"response_format":"url"}"#, "gpt-image-1"), Shape::Link);
    assert_eq!(shape(r#"{"response_format":"b64_json"}"#, "m"), Shape::Base64);
    assert_eq!(shape(r#"{"stream":true,"response_format":"url"}"#, "m"), Shape::Base64, "events have no links");
}

#[test]
fn pictures_to_edit_in_every_spelling() {
    let inputs = |body: &str| inputs(&Object::parse(body).unwrap()).map_err(|error| error.param);
    assert_eq!(inputs(r#"{"image":"data:x"}"#), Ok(None));
    let two = Ok(Some(vec!["\"a\"".to_owned(), "\"b\"".to_owned()]));
    assert_eq!(inputs(r#"{"image":["a","b"]}"#), two);
    assert_eq!(inputs(r#"{"images":[{"image_url":"a"},{"image_url":{"url":"b"}}]}"#), two);
    for (wrong, param) in [
        ("{}", "image"),
        (r#"{"image":[]}"#, "image"),
        (r#"{"images":[{"file_id":"f"}]}"#, "images"),
        (r#"{"image":7}"#, "image"),
    ] {
        assert_eq!(inputs(wrong), Err(Some(param.to_owned())), "{wrong}");
    }
    assert_eq!((input_name(0), input_name(2)), ("image".to_owned(), "image3".to_owned()));
    assert!(check_inputs(1, &EDITS).is_ok() && check_inputs(2, &EDITS).is_err());
}
