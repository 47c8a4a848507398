//! The two servers: who asks is known by the address that asks, and by nothing else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::put;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::configuration::{Configuration, Machine};
use super::keeper::{Keeper, NotKept};
use super::listener::{Asker, Listener};
use super::metadata::{self, Question};
use super::services::{SERVICES_PATH, ToldServices};
use super::status::{MachineStatus, STATUS_FOLDER, STATUS_FORMAT, status_file};
use super::wire::{self, Health, Refusal};
use super::{GatewayError, Tell};
use crate::base::{Clock, create_private_directory, read_text, write_private};

/// The longest report that is read.
const LONGEST: usize = 64 << 10;
/// The longest word of services: some hundred bytes for each.
const LONGEST_SERVICES: usize = 1 << 20;
/// The machines of the control plane have it as their tag `poolName`.
const CONTROL_PLANE: &str = "master";

/// What both servers know.
#[derive(Clone)]
pub(super) struct Knowledge {
    pub folder: PathBuf,
    pub configuration: watch::Receiver<Arc<Configuration>>,
    pub services: Arc<Keeper>,
    pub clock: Arc<dyn Clock>,
    pub tell: Tell,
}

impl Knowledge {
    /// Who asks, as the configuration is now.
    fn machine(&self, asker: Asker) -> Option<Machine> {
        self.configuration.borrow().machine_at(asker.0.to_canonical()).cloned()
    }
}

/// The router of the metadata service.
pub(super) fn metadata_router(knowledge: Knowledge) -> Router {
    Router::new()
        .route(SERVICES_PATH, put(told_services))
        .fallback(metadata_service)
        .layer(DefaultBodyLimit::max(0))
        .with_state(knowledge)
}

/// The router of the wire server.
pub(super) fn wire_router(knowledge: Knowledge) -> Router {
    Router::new().fallback(wire_server).layer(DefaultBodyLimit::max(LONGEST)).with_state(knowledge)
}

/// Serves a router on a socket until `stop` says so.
pub(super) async fn serve(socket: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let service = router.into_make_service_with_connect_info::<Asker>();
    let stopped = async move { _ = stop.wait_for(|stop| *stop).await };
    // It ends when it is told to, and by nothing else.
    _ = axum::serve(Listener::new(socket), service).with_graceful_shutdown(stopped).await;
}

/// A socket, and the address that it has.
pub(super) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), GatewayError> {
    let failed = |cause| GatewayError::Listen { address, cause };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let own = socket.local_addr().map_err(failed)?;
    Ok((socket, own))
}

#[derive(Debug, Default, Deserialize)]
struct MetadataQuery {
    #[serde(rename = "api-version")]
    version: Option<String>,
    format: Option<String>,
    extended: Option<String>,
}

fn is_true(headers: &HeaderMap, name: &str) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

async fn metadata_service(
    State(knowledge): State<Knowledge>,
    ConnectInfo(asker): ConnectInfo<Asker>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let Some(path) = uri.path().strip_prefix("/metadata") else { return StatusCode::NOT_FOUND.into_response() };
    let Ok(Query(query)) = Query::<MetadataQuery>::try_from_uri(&uri) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let question = Question {
        path,
        version: query.version.as_deref(),
        format: query.format.as_deref(),
        extended: query.extended.is_some_and(|word| word.eq_ignore_ascii_case("true")),
        header: is_true(&headers, "metadata"),
        forwarded: headers.contains_key("x-forwarded-for"),
    };
    let answer = metadata::answer(&question, knowledge.machine(asker).as_ref());
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, answer.media_type)], answer.body).into_response()
}

/// A control-plane machine tells of the cluster's services. Others are told that there is no such thing, as everybody is where the
/// network has no addresses for them.
async fn told_services(
    State(knowledge): State<Knowledge>,
    ConnectInfo(asker): ConnectInfo<Asker>,
    request: Request,
) -> Response {
    // Nobody else's body is even read. What a program in the machine can be talked into fetching has no such header.
    let headers = request.headers();
    if !is_true(headers, "metadata") || headers.contains_key("x-forwarded-for") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let configuration = Arc::clone(&knowledge.configuration.borrow());
    let machine = configuration.machine_at(asker.0.to_canonical());
    let is_plane = machine.and_then(|machine| machine.tags.get("poolName")).is_some_and(|pool| pool == CONTROL_PLANE);
    if !is_plane || configuration.service_addresses.is_empty() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(body) = axum::body::to_bytes(request.into_body(), LONGEST_SERVICES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let told: ToldServices = match serde_json::from_slice(&body) {
        Ok(told) => told,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let keeper = Arc::clone(&knowledge.services);
    match tokio::task::spawn_blocking(move || keeper.hear(&configuration, told)).await {
        Ok(Ok(allotments)) => {
            let text = serde_json::to_string(&allotments).unwrap_or_default();
            ([(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        Ok(Err(error @ NotKept::Unheard(_))) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        Ok(Err(error @ NotKept::File(_))) => {
            (knowledge.tell)(&error.to_string());
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

#[derive(Debug, Default, Deserialize)]
struct WireQuery {
    comp: Option<String>,
}

async fn wire_server(
    State(knowledge): State<Knowledge>,
    ConnectInfo(asker): ConnectInfo<Asker>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(Query(query)) = Query::<WireQuery>::try_from_uri(&uri) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let path = uri.path().trim_end_matches('/');
    let comp = query.comp.as_deref().unwrap_or_default();
    if (&method, path, comp) == (&Method::GET, "", "versions") {
        return xml(wire::versions());
    }
    if path != "/machine" {
        return StatusCode::NOT_FOUND.into_response();
    }
    // What a program in the machine can be talked into fetching has no such header.
    if !headers.contains_key("x-ms-version") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let Some(machine) = knowledge.machine(asker) else { return StatusCode::NOT_FOUND.into_response() };
    match (&method, comp) {
        (&Method::GET, "goalstate") => xml(wire::goal_state(&machine)),
        (&Method::POST, "health") => report(&knowledge, &machine, &body).await,
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn xml(text: Result<String, GatewayError>) -> Response {
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn report(knowledge: &Knowledge, machine: &Machine, body: &[u8]) -> Response {
    let text = String::from_utf8_lossy(body);
    let health = match wire::health(&text, machine) {
        Ok(health) => health,
        Err(Refusal::Form) => return StatusCode::BAD_REQUEST.into_response(),
        Err(Refusal::Gone) => return StatusCode::GONE.into_response(),
    };
    let (knowledge, machine) = (knowledge.clone(), machine.clone());
    // The machine is told that it was heard once that is on the disk.
    let recorded = tokio::task::spawn_blocking(move || record(&knowledge, &machine, health)).await;
    match recorded {
        Ok(Ok(())) => StatusCode::OK.into_response(),
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Writes down what a machine said, unless it has said just that before.
fn record(knowledge: &Knowledge, machine: &Machine, health: Health) -> Result<(), ()> {
    let Some(file) = status_file(&machine.name) else { return Err(()) };
    let path = knowledge.folder.join(file);
    let known = read_text(&path).ok().and_then(|text| serde_json::from_str::<MachineStatus>(&text).ok());
    let same = |known: MachineStatus| {
        known.vm_id == machine.vm_id && known.state == health.state && known.description == health.description
    };
    if known.is_some_and(same) {
        return Ok(());
    }
    let said = health.description.clone().map_or_else(String::new, |description| format!(": {description}"));
    (knowledge.tell)(&format!("{} is {:?}{said}", machine.name, health.state));
    let status = MachineStatus {
        format: STATUS_FORMAT,
        id: machine.id.clone(),
        vm_id: machine.vm_id.clone(),
        state: health.state,
        at: knowledge.clock.now(),
        description: health.description,
    };
    let text = serde_json::to_string_pretty(&status).map_err(|_| ())? + "\n";
    create_private_directory(&knowledge.folder.join(STATUS_FOLDER))
        .and_then(|()| write_private(&path, text.as_bytes()))
        .map_err(|error| (knowledge.tell)(&error.to_string()))
}
