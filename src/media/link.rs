//! Links that open one thing for whoever has them, until a date: signed with a secret of this gateway. Pure; the time is handed in.

use std::fmt;

use ring::hmac;

use super::name::{self, Hex};

/// What is signed begins so: the secret signs nothing else that could be taken for it.
const PURPOSE: &str = "flowgate media";

/// Signs links and knows its own again.
pub(super) struct Signer(hmac::Key);

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Signer")
    }
}

impl Signer {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The query that opens `name` until `expires` (Unix seconds).
    pub(super) fn query(&self, name: &str, expires: u64) -> String {
        let tag = hmac::sign(&self.0, message(name, expires).as_bytes());
        format!("expires={expires}&signature={}", Hex(tag.as_ref()))
    }

    /// Whether `query` opens `name` at the moment `now` (Unix seconds). Takes the same time whatever is wrong with the signature.
    pub(super) fn opens(&self, name: &str, query: &str, now: u64) -> bool {
        let value = |key: &str| {
            let mut values = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(own, _)| *own == key);
            // Twice is once too often: two readers might disagree.
            values.next().map(|(_, value)| value).filter(|_| values.next().is_none())
        };
        let expires = value("expires").and_then(|text| text.parse::<u64>().ok());
        let signature = value("signature").and_then(name::bytes::<32>);
        let (Some(expires), Some(signature)) = (expires, signature) else { return false };
        hmac::verify(&self.0, message(name, expires).as_bytes(), &signature).is_ok() && now < expires
    }
}

fn message(name: &str, expires: u64) -> String {
    format!("{PURPOSE}\n{name}\n{expires}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAME: &str = "0123456789abcdef0123456789abcdef.png";

    #[test]
    fn a_link_opens_its_own_thing_until_its_date() {
        let signer = Signer::new(&[7; 32]);
        let query = signer.query(NAME, 1000);
        assert!(signer.opens(NAME, &query, 999) && !signer.opens(NAME, &query, 1000));
        assert!(!signer.opens("f123456789abcdef0123456789abcdef.png", &query, 0));
        assert!(!Signer::new(&[8; 32]).opens(NAME, &query, 0));
        for changed in [
            query.replace("expires=1000", "expires=2000"),
            query.replace("signature=", "signature=0"),
            query.replace("expires=1000", "expires=1000&expires=2000"),
            format!("{query}&signature=00"),
            query[..query.len() - 2].to_owned(),
            String::new(),
            "expires=1000".to_owned(),
        ] {
            assert!(!signer.opens(NAME, &changed, 0), "{changed}");
        }
        assert!(signer.opens(NAME, &format!("download=1&{query}"), 0), "what else is there does not matter");
    }

    proptest! {
        /// One changed character of the query closes it.
        #[test]
        fn nothing_can_be_changed(at in 0_usize..90, letter in "[0-9a-f]") {
            let signer = Signer::new(&[7; 32]);
            let query = signer.query(NAME, 1_800_000_000);
            let at = at % query.len();
            let mut changed = query.clone();
            changed.replace_range(at..=at, &letter);
            prop_assert!(changed == query || !signer.opens(NAME, &changed, 0), "{changed}");
        }

        #[test]
        fn any_query_is_read(query: String) {
            prop_assert!(!Signer::new(&[7; 32]).opens(NAME, &query, 0));
        }
    }
}
