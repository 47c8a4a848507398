//! Our client against servers that others wrote, to judge client libraries by: nothing here agrees with us by
//! construction. Both are npm packages that `.ci/run` installs outside the checkout; without them the tests say so
//! and pass.

mod forwarder;
mod long_running;
mod resource_manager;
mod scenarios;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::base::Secret;
use engine::target::azure::{ArmClient, AzureSettings, Credentials, FixedToken, Patience};

/// Where `.ci/run` puts what tests need from elsewhere.
fn cache(folder: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("engine-ci").join(folder)).filter(|folder| folder.join("node_modules").is_dir())
}

/// A server of somebody else's. It ends with the test.
struct ForeignServer {
    child: Child,
    port: u16,
}

impl ForeignServer {
    /// Starts `node` with these arguments, the port in the place of `{port}`, and waits until it listens. None, with a
    /// line that says why, where there is no node.
    async fn start(folder: &PathBuf, arguments: &[&str]) -> Option<Self> {
        // The port is free when it is chosen; whoever takes it in between makes the wait below fail.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments = arguments.iter().map(|argument| argument.replace("{port}", &port.to_string()));
        let child = Command::new("node")
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut server = match child {
            Ok(child) => Self { child, port },
            Err(error) => {
                println!("skipped: node cannot be started: {error}");
                return None;
            }
        };
        let patience = Instant::now() + Duration::from_secs(90);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.child.try_wait().unwrap().is_none(), "the server ended by itself");
            assert!(Instant::now() < patience, "the server does not listen");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Some(server)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for ForeignServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(url: &str) -> AzureSettings {
    let token = Arc::new(FixedToken(Secret::new("a-token-for-loopback")));
    AzureSettings::new(url, url, url, Credentials::Tokens(token))
}

/// A client that does not wait longer than it must.
fn client(settings: AzureSettings) -> ArmClient {
    let patience = Patience {
        ask_again: Duration::from_millis(2),
        retries: 3,
        retry_after: Duration::from_millis(2),
        overall: Duration::from_secs(20),
    };
    ArmClient::new(settings, patience).unwrap()
}
