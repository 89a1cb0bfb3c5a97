//! Who may be called for a name: for any configuration, key, request and race, nothing paid unless a rule allows it.

mod plans;
mod property;
