//! `/batches`: batches in OpenAI's shapes. SiliconFlow runs them; the gateway remembers whose they are, fetches what came of them
//! while it is there, and counts their lines once they are over (the server's part).

mod object;
mod request;

use bytes::Bytes;
use http::Method;
use hyper::body::Incoming;
use serde_json::Value;

use super::answers::{self, Answered, Content, Expected};
use super::error::GatewayError;
use super::exchange::Exchange;
use super::shape::Shape;
use super::videos;
use crate::catalog::plan::Right;
use crate::jobs::{Job, Kind, Phase, Yield};
use crate::quota::budget::Amount;
use crate::quota::money::Money;
use crate::relay::answer::AnswerFault;
use crate::upstream::{KeyLease, RequestBody};
pub(super) use object::{Made, file};
use object::{Seen, list, object};

/// What is asked of batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// To run one.
    Create,
    /// Which there are.
    List,
    /// How one is doing, or to stop it.
    One(String),
}

/// What `method` and `path` (without its query) ask for; `None` of anything that only the upstream may know.
pub(super) fn asked(method: &Method, path: &str) -> Option<Asked> {
    let mut parts = path.trim_start_matches('/').split('/').skip(1);
    match (method, parts.next(), parts.next(), parts.next()) {
        (&Method::POST, None, ..) => Some(Asked::Create),
        (&Method::GET, None, ..) => Some(Asked::List),
        (&Method::GET, Some(id), None, _) | (&Method::POST, Some(id), Some("cancel"), None) => {
            Some(Asked::One(id.to_owned()))
        }
        _ => None,
    }
}

impl Exchange {
    /// Steps 3 to 11 for batches, whose body is `body`.
    pub(super) async fn batches(&mut self, asked: Asked, body: Bytes) -> Result<Answered, GatewayError> {
        let mut body = body;
        let mut expected = Expected::default();
        match &asked {
            Asked::Create => {
                (body, expected.edits) = request::read(&body)?;
                self.check_budgets()?;
            }
            Asked::One(id) => self.check_own(id).await?,
            Asked::List => {}
        }
        self.shape = Some(Shape::Batches(asked));
        let answer = self.call(RequestBody::Full(body), None).await?;
        answers::read(self, answer, expected).await
    }

    /// What a batch will cost is known when it is over. Where a budget is spent already, none is begun.
    fn check_budgets(&self) -> Result<(), GatewayError> {
        let account = self.snapshot.quota.accounts.first().map(|(account, _)| &account.name);
        let claims = self.claims(Right::Name, account);
        let least = Amount { money: Money::from_picos_cny(1), tokens: 1 };
        // Dropped unsent, it holds nothing.
        self.snapshot.quota.budgets.hold(&claims, least).map(drop).map_err(|exceeded| Box::new(exceeded).into())
    }

    /// A batch of another key is not there. One that was made without this gateway is the account's.
    async fn check_own(&self, id: &str) -> Result<(), GatewayError> {
        match self.seen(id).await? {
            Seen::Others => Err(GatewayError::NoJob(Kind::Batch.label(), id.to_owned())),
            Seen::Own(_) | Seen::Unknown => Ok(()),
        }
    }

    async fn seen(&self, id: &str) -> Result<Seen, GatewayError> {
        let wanted = id.to_owned();
        let job = self.with_jobs(move |jobs| jobs.job(Kind::Batch, &wanted)).await?;
        Ok(match job {
            None => Seen::Unknown,
            Some(job) if job.who.key == self.tenant.name => Seen::Own(Box::new(job)),
            Some(_) => Seen::Others,
        })
    }
}

impl Answered {
    /// The answer to `asked` in OpenAI's shape.
    pub(super) async fn batches(
        &mut self,
        exchange: &Exchange,
        lease: &KeyLease,
        body: Incoming,
        asked: Asked,
    ) -> Result<(), GatewayError> {
        let read = answers::whole(exchange, lease, body).await?;
        let answer: Value = serde_json::from_slice(&read.bytes).map_err(|_| AnswerFault::NotJson)?;
        let shown = match asked {
            Asked::Create => begun(exchange, lease, answer).await?,
            Asked::One(id) => {
                let job = match exchange.seen(&id).await? {
                    Seen::Own(job) => Some(job),
                    _ => None,
                };
                object(answer, job.as_deref())
            }
            Asked::List => listed(exchange, answer).await?,
        };
        self.content = Content::Whole(shown.to_string().into(), read.usage);
        Ok(())
    }
}

/// A batch was created: a job begins.
async fn begun(exchange: &Exchange, lease: &KeyLease, batch: Value) -> Result<Value, GatewayError> {
    let id = batch["id"].as_str().filter(|id| !id.is_empty()).ok_or(AnswerFault::NotJson)?.to_owned();
    let job = Job {
        id: id.clone(),
        kind: Kind::Batch,
        upstream_id: id,
        who: exchange.tenant.who(),
        account: lease.account().name().clone(),
        model: "".into(),
        created_at: videos::now(),
        finished_at: None,
        size: String::new(),
        phase: Phase::Queued,
        fault: String::new(),
        output: Yield::default(),
        errors: Yield::default(),
    };
    let shown = object(batch, Some(&job));
    exchange.with_jobs(move |jobs| jobs.put(&job)).await?;
    Ok(shown)
}

async fn listed(exchange: &Exchange, answer: Value) -> Result<Value, GatewayError> {
    let key = exchange.tenant.name.clone();
    exchange
        .with_jobs(move |jobs| {
            let mut fault = None;
            let shown = list(answer, |id| match jobs.job(Kind::Batch, id) {
                Ok(None) => Seen::Unknown,
                Ok(Some(job)) if job.who.key == key => Seen::Own(Box::new(job)),
                Ok(Some(_)) => Seen::Others,
                Err(error) => {
                    fault = Some(error);
                    Seen::Others
                }
            });
            fault.map_or(Ok(shown), Err)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_is_asked() {
        let one = || Some(Asked::One("b1".to_owned()));
        for (method, path, expected) in [
            (Method::POST, "/batches", Some(Asked::Create)),
            (Method::GET, "/batches", Some(Asked::List)),
            (Method::GET, "/batches/b1", one()),
            (Method::POST, "/batches/b1/cancel", one()),
            (Method::DELETE, "/batches/b1", None),
        ] {
            assert_eq!(asked(&method, path), expected, "{method} {path}");
        }
    }
}
