//! Rules of the code base that no compiler holds: who may know whom, what the documents say of the code, what no file
//! may contain. They read the repository's own files.

mod alerts;
mod dashboard;
mod deploy;
mod documents;
mod files;
mod fuzz;
mod layers;
mod links;
mod reference;
mod source;
pub(crate) mod troubleshooting;
