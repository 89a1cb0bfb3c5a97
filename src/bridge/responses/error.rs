//! What cannot be carried over, in the words that the caller reads.

use crate::bridge::BridgeError;

/// A refusal of `param`.
pub(super) fn refused(param: &str, message: impl Into<String>) -> BridgeError {
    BridgeError { param: Some(param.to_owned()), message: message.into(), code: None }
}

/// The same with a code of OpenAI's.
pub(super) fn coded(param: &str, code: &'static str, message: impl Into<String>) -> BridgeError {
    BridgeError { code: Some(code), ..refused(param, message) }
}

/// Something that SiliconFlow has nothing for.
pub(super) fn unsupported(param: &str, message: impl Into<String>) -> BridgeError {
    coded(param, "unsupported_parameter", message)
}

/// A member of another type than it has to be.
pub(super) fn wrong_type(param: &str, wanted: &str) -> BridgeError {
    coded(param, "invalid_type", format!("`{param}` must be {wanted}."))
}
