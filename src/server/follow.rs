//! A client's side of a simulator's clock: what it is, and a clock of its own that follows it.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;

use crate::base::SteppedClock;
use crate::contract::{Fault, FaultClass};
use crate::target::http::{HttpClient, HttpError, HttpSettings, parse_url};

/// How a simulator keeps time.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SimulatedTime {
    /// What time it is there, in milliseconds of Unix time.
    pub now: i64,
    /// Whether its clock moves only when all who follow it wait.
    #[serde(rename = "virtual")]
    pub is_virtual: bool,
    /// How long things take, as a share of what they take in Azure.
    pub time_scale: f64,
}

/// Asks the simulator at `url` how it keeps time.
///
/// # Errors
/// Nothing answers, or something that is no simulator.
pub async fn simulated_time(url: &str) -> Result<SimulatedTime, Fault> {
    ask(&client(url)?, url, Method::GET, None).await
}

/// A clock that follows the virtual one of the simulator at `url`, as long as the task lives.
///
/// # Errors
/// No client can be made.
pub fn follow(url: &str, time: &SimulatedTime) -> Result<(SteppedClock, tokio::task::JoinHandle<()>), Fault> {
    let (client, url) = (client(url)?, url.to_owned());
    let clock = SteppedClock::new(Timestamp::from_millisecond(time.now).unwrap_or_default());
    let followed = clock.clone();
    let task = tokio::spawn(async move {
        loop {
            let until = followed.idle_until().await;
            // To the full millisecond, or it would be asked for the same moment again.
            let milliseconds =
                until.as_nanosecond().div_euclid(1_000_000) + i128::from(until.as_nanosecond() % 1_000_000 != 0);
            let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
            match ask(&client, &url, Method::POST, Some(milliseconds)).await {
                Ok(SimulatedNow { now }) => followed.advance(Timestamp::from_millisecond(now).unwrap_or(until)),
                // It may have been restarted; whoever waits is told by its own requests if it does not come back.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    followed.advance(until);
                }
            }
        }
    });
    Ok((clock, task))
}

#[derive(Deserialize)]
struct SimulatedNow {
    now: i64,
}

fn client(url: &str) -> Result<HttpClient, Fault> {
    // A wait for somebody else may be long.
    let settings = HttpSettings { timeout: Duration::from_secs(3600), ..HttpSettings::for_server(url) };
    HttpClient::new(&settings).map_err(|error| unusable(&error))
}

fn unusable(error: &HttpError) -> Fault {
    Fault::new(FaultClass::Invalid, "SimulatorClock", error.to_string())
}

async fn ask<T: serde::de::DeserializeOwned>(
    client: &HttpClient,
    url: &str,
    method: Method,
    until: Option<i64>,
) -> Result<T, Fault> {
    let mut url = parse_url(&format!("{url}/simulator/clock")).map_err(|error| unusable(&error))?;
    if let Some(until) = until {
        url.query_pairs_mut().append_pair("until", &until.to_string());
    }
    let answer = client.send(client.request(method, url)).await?;
    serde_json::from_slice(&answer.body).map_err(|_| {
        Fault::new(FaultClass::Unavailable, "SimulatorClock", "what answers at the simulator's address is no simulator")
    })
}
