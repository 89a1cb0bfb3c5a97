//! One request on its way through the emulator: what handlers need, already read and checked at the door.

use super::billing::Bill;
use super::catalogue::{Kind, Model};
use super::chat::script::Played;
use super::emulator::{Shared, Ticket};
use super::fault::Fault;
use super::quota::Ask;
use super::refusal::Refusal;
use super::wire::Hijack;
use axum::Extension;
use serde_json::Value;
use std::sync::Arc;

/// How handlers take a call.
pub(super) type Caller = Extension<Arc<Call>>;

/// A request whose key was right and whose body, unless it is a form, was read.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) emulator: Shared,
    pub(super) account: String,
    /// The body as JSON; null when it is none.
    pub(super) json: Value,
    /// A fault for the handler to play; those before the answer were played at the door.
    pub(super) fault: Option<Fault>,
    /// What a script says the answer is.
    pub(super) turn: Option<Played>,
    pub(super) hijack: Hijack,
    /// Base of URLs handed out, without a slash at the end.
    pub(super) public_url: String,
    pub(super) trace: String,
}

impl Call {
    /// The model id as the request names it.
    pub(super) fn model_id(&self) -> &str {
        self.json["model"].as_str().unwrap_or_default()
    }

    /// The model a request is answered by, if it is one that `fits`. A wrong kind gets the general 20015 (ours).
    pub(super) fn model(&self, fits: impl Fn(Kind) -> bool) -> Result<&Model, Refusal> {
        if !self.json.is_object() {
            return Err(Refusal::bad_parameter());
        }
        self.model_named(self.model_id(), fits)
    }

    pub(super) fn model_named(&self, id: &str, fits: impl Fn(Kind) -> bool) -> Result<&Model, Refusal> {
        let stand_in = Fault::stand_in(id);
        let id = match stand_in {
            Some(Some(real)) => real,
            Some(None) => return self.any_model(fits),
            None => id,
        };
        let model = self.emulator.model(id).ok_or_else(Refusal::bad_model)?;
        if fits(model.kind) { Ok(model) } else { Err(Refusal::bad_parameter()) }
    }

    /// The model that stands behind `fault/NAME`: Qwen3-8B for chat, else the first that fits.
    fn any_model(&self, fits: impl Fn(Kind) -> bool) -> Result<&Model, Refusal> {
        let plain = self.emulator.model("Qwen/Qwen3-8B").filter(|model| fits(model.kind));
        let first = || self.emulator.catalogue.all().iter().find(|model| fits(model.kind));
        plain.or_else(first).ok_or_else(Refusal::bad_model)
    }

    /// Passes the quotas under the model's name as it was written.
    pub(super) fn admit(&self, ask: Ask) -> Result<Ticket, Refusal> {
        self.emulator.admit(&self.account, self.model_id(), ask)
    }

    /// Counts a request that is refused for what it says: failed requests count too (section 16). Nothing is billed.
    pub(super) fn count_failed<T>(&self, refusal: Refusal) -> Result<T, Refusal> {
        self.admit(Ask::default())?.bill = Bill::default();
        Err(refusal)
    }

    pub(super) fn seed(&self) -> u64 {
        self.emulator.settings.seed
    }

    /// Waits as long as the settings say an answer of `tokens` takes when it is sent whole.
    pub(super) async fn take_time(&self, tokens: u64) {
        let settings = &self.emulator.settings;
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        let time = settings.first_token.saturating_add(settings.token_interval.saturating_mul(tokens));
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
    }

    pub(super) fn fault_is(&self, name: &str) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.name == name)
    }
}
