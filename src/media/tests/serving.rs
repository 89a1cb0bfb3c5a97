//! Who gets what is kept, and how it is sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::media::Kind;

#[tokio::test]
async fn it_is_handed_to_its_key_and_to_whoever_has_its_link() {
    let home = tempfile::tempdir().unwrap();
    let host =
        Host::new(BTreeMap::from([("/a", good("image/png", &png(9))), ("/b", good("image/png", &png(8)))])).await;
    let keeper = keeper_in(home.path(), &host.url("/v1"), settings(), clock().0);
    let kept = keeper.keep(&host.url("/a"), Kind::Picture, "ann").await.unwrap();
    let other = keeper.keep(&host.url("/b"), Kind::Picture, "bob").await.unwrap();
    let query = keeper.query(&kept.name);
    for (name, owner, query, is_found) in [
        (&kept.name, Some("ann"), None, true),
        (&kept.name, None, Some(query.as_str()), true),
        (&kept.name, Some("bob"), Some(query.as_str()), true),
        (&kept.name, Some("bob"), None, false),
        (&kept.name, None, None, false),
        (&kept.name, Some("bob"), Some("expires=99999999999&signature=00"), false),
        (&other.name, Some("ann"), Some(query.as_str()), false),
        (&other.name, Some("bob"), None, true),
        (&kept.name.replace(".png", ".gif"), Some("ann"), None, false),
        (&"0123456789abcdef0123456789abcdef.png".to_owned(), Some("ann"), None, false),
        (&"../../etc/passwd".to_owned(), Some("ann"), None, false),
    ] {
        assert_eq!(keeper.find(name, owner, query).await.is_some(), is_found, "{name} {owner:?} {query:?}");
    }
    let found = keeper.find(&kept.name, Some("ann"), None).await.unwrap();
    assert_eq!((found.format.media_type(), found.length, found.digest.len()), ("image/png", kept.length, 64));
}

fn file(bytes: &[u8]) -> Arc<std::fs::File> {
    use std::io::Write;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Arc::new(file)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However long the parts are, what is sent is what was said, in the length that was said.
    #[test]
    fn a_body_is_its_pieces(length in 0_usize..400_000, from in 0_u64..400_000, text: String) {
        let content: Vec<u8> = (0..length).map(|index| (index * 7 % 253) as u8).collect();
        let (file, length) = (file(&content), length as u64);
        let from = from.min(length);
        let pieces = [
            Piece::Text(text.clone().into()),
            Piece::File { file: file.clone(), from, to: length },
            Piece::Base64 { file, length },
        ];
        let body = Pieces::new(pieces.clone());
        let expected = [text.as_bytes(), &content[from as usize..], STANDARD.encode(&content).as_bytes()].concat();
        prop_assert_eq!(body.left(), expected.len() as u64);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(bytes(pieces)) == expected);
    }
}
