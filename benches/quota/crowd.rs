//! Many callers for few requests: each calls again and again, and comes back exactly when it was told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::real::{Answer, call};
use crate::simulate::Outcome;
use crate::traffic::{Chance, Job, Traffic};

/// How many there are (issue and product.md section 11 name the number).
const CALLERS: u64 = 200;
/// Within that a moment that was told was right.
const RIGHT: Duration = Duration::from_secs(1);

/// Callers of `model` for `length`; what became of them.
pub(crate) async fn crowd(address: SocketAddr, model: &'static str, length: Duration) -> anyhow::Result<Outcome> {
    let client = Client::builder().no_proxy().build()?;
    let (traffic, outcome) = (Traffic::new(), Arc::new(Mutex::new(Outcome::default())));
    let (mut calls, end) = (JoinSet::new(), Instant::now() + length);
    for number in 0..CALLERS {
        let (client, job, outcome) = (client.clone(), traffic.job(&mut Chance(number + 1)), outcome.clone());
        calls.spawn(async move { keep_calling(&client, address, model, &job, end, &outcome).await });
    }
    while calls.join_next().await.is_some() {}
    let outcome = outcome.lock().unwrap().clone();
    Ok(outcome)
}

async fn keep_calling(
    client: &Client,
    address: SocketAddr,
    model: &str,
    job: &Job,
    end: Instant,
    outcome: &Mutex<Outcome>,
) {
    let mut has_returned = false;
    while Instant::now() < end {
        let answer = call(client, address, model, job).await;
        note(&mut outcome.lock().unwrap(), &answer, has_returned);
        has_returned = match answer {
            Answer::Served(_) => false,
            Answer::Later(wait) if Instant::now() + wait < end => {
                sleep(wait).await;
                true
            }
            // Told to come when all is over, or something is broken: the count of failures shows the latter.
            Answer::Later(_) | Answer::Failed => return,
        };
    }
}

fn note(outcome: &mut Outcome, answer: &Answer, has_returned: bool) {
    outcome.returned += u64::from(has_returned);
    outcome.kept += u64::from(has_returned && matches!(answer, Answer::Served(waited) if *waited <= RIGHT));
    answer.note(outcome);
}
