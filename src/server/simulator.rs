//! Starting and stopping: the socket, the port that is remembered, the lock on the folder.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::faults::Faults;
use super::http::{self, Shared};
use super::identity::Identity;
use super::listener::{Listener, Scheme};
use super::load;
use super::virtual_clock::VirtualClock;
use super::world::{World, last_moment};
use super::{Credentials, ServerError, SimulatorSettings};
use crate::base::{FileError, SteppedClock, create_private_directory};
use crate::target::memory::Store;

/// The simulator.
#[derive(Debug, Clone, Copy)]
pub struct Simulator;

/// A simulator at work. It stops when this is dropped; [`RunningSimulator::shutdown`] waits until it has.
#[derive(Debug)]
pub struct RunningSimulator {
    url: String,
    credentials: Credentials,
    shared: Arc<Shared>,
    authority: String,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
    _lock: File,
}

impl Simulator {
    /// Starts a simulator on the runtime of the caller. What its folder holds is taken up: resources, credentials, and
    /// operations that were under way, which ended meanwhile if their time has come.
    pub async fn start(settings: SimulatorSettings) -> Result<RunningSimulator, ServerError> {
        if !settings.listen.ip().is_loopback() {
            return Err(ServerError::NotLoopback(settings.listen));
        }
        if !settings.time_scale.is_finite() || settings.time_scale < 0.0 {
            return Err(ServerError::TimeScale(settings.time_scale));
        }
        create_private_directory(&settings.folder)?;
        let lock = lock(&settings.folder)?;
        let mut identity = Identity::of_folder(&settings.folder, settings.entropy.as_ref())?;
        if let Some(loaded) = &settings.loaded {
            identity.credentials.tenant_id.clone_from(&loaded.tenant_id);
            identity.credentials.subscription_id.clone_from(&loaded.subscription_id);
        }
        let (listener, address) = listen(settings.listen, identity.address).await?;
        identity.address = Some(address);
        identity.keep(&settings.folder)?;

        let certificate = identity
            .authority
            .issue_loopback_server(address.ip(), &crate::base::SystemClock)
            .map_err(|cause| ServerError::Certificate(cause.to_string()))?;
        let listener = Listener::new(listener, address, &certificate, &identity.authority)?;

        let url = format!("http://{address}");
        let store = match settings.loaded {
            Some(_) => Store::in_memory(),
            None => Store::open(&settings.folder.join("simulator.jsonl"))?,
        };
        let mut clock = settings.clock;
        let virtual_clock = settings.virtual_clock.then(|| {
            // What happened in an earlier life did not happen in the future.
            let last = last_moment(&store).and_then(|last| Timestamp::from_millisecond(last).ok());
            SteppedClock::new(clock.now().max(last.unwrap_or(Timestamp::MIN)))
        });
        if let Some(stepped) = &virtual_clock {
            clock = Arc::new(stepped.clone());
        }
        let mut world = World::new(
            store,
            identity.clone(),
            url.clone(),
            settings.time_scale,
            clock,
            settings.entropy,
            settings.limiting,
        );
        world.is_virtual = virtual_clock.is_some();
        world.faults = Faults::new(settings.faults);
        if let Some(loaded) = settings.loaded {
            load::load(&mut world, loaded);
        }
        let virtual_clock = virtual_clock.map(VirtualClock::new);
        let shared = Shared::new(world, open_log(&settings.folder)?, address.port(), virtual_clock);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = shared.clone();
        let router = axum::Router::new().fallback(move |request| http::handle(serving.clone(), request));
        let task = tokio::spawn(async move {
            // A dropped sender means the same as a sent message: it is over.
            let graceful = async { _ = stopped.await };
            let router = router.into_make_service_with_connect_info::<Scheme>();
            _ = axum::serve(listener, router).with_graceful_shutdown(graceful).await;
        });
        Ok(RunningSimulator {
            url,
            credentials: identity.credentials,
            shared,
            authority: identity.authority.certificate,
            stop: Some(stop),
            task: Some(task),
            _lock: lock,
        })
    }
}

impl RunningSimulator {
    /// Where Azure Resource Manager is, without a slash at the end.
    pub fn arm_url(&self) -> &str {
        &self.url
    }

    /// Where tokens are given: `{authority_url}/{tenant}/oauth2/v2.0/token`.
    pub fn authority_url(&self) -> &str {
        &self.url
    }

    /// The same over TLS: it is the same port. Clients have to trust [`Self::certificate_authority`].
    pub fn tls_url(&self) -> String {
        self.url.replacen("http://", "https://", 1)
    }

    /// The certificate, PEM, of the authority that vouches for this simulator; also in its folder, as `simulator-ca.crt`.
    pub fn certificate_authority(&self) -> &str {
        &self.authority
    }

    /// Who may use it.
    pub const fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Where the API server of the cluster in a resource group is. It takes the same tokens.
    pub fn kubernetes_url(&self, resource_group: &str) -> String {
        format!("{}/kubernetes/{resource_group}", self.url)
    }

    /// How often each rule of the faults came to pass, by its name or number.
    pub fn faults(&self) -> Vec<(String, u64)> {
        self.shared.faults()
    }

    /// Answers what has been asked, and stops. Its folder may be used by the next one afterwards.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(Duration::from_secs(2), &mut task).await.is_err()
        {
            task.abort();
        }
    }
}

/// Sees to it that one process at a time serves from a folder.
fn lock(folder: &Path) -> Result<File, ServerError> {
    let path = folder.join("simulator.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|cause| FileError {
        action: "write",
        path,
        cause,
    })?;
    file.try_lock().map_err(|_| ServerError::InUse(folder.to_owned()))?;
    Ok(file)
}

/// The log of requests, to which every process of the folder appends.
fn open_log(folder: &Path) -> Result<File, ServerError> {
    let path = folder.join("requests.jsonl");
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).map_err(|cause| FileError { action: "write", path, cause }.into())
}

/// Listens on the port asked for; if none is, on the last one, so that the URLs of operations stay true.
async fn listen(wanted: SocketAddr, last: Option<SocketAddr>) -> Result<(TcpListener, SocketAddr), ServerError> {
    let mut listener = None;
    if let Some(last) = last.filter(|last| wanted.port() == 0 && last.ip() == wanted.ip()) {
        listener = TcpListener::bind(last).await.ok();
    }
    let failed = |cause| ServerError::Listen { address: wanted, cause };
    let listener = match listener {
        Some(listener) => listener,
        None => TcpListener::bind(wanted).await.map_err(failed)?,
    };
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
