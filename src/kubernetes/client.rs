//! A client for the few calls that the engine makes to an API server.
//!
//! Source: kubernetes.io, API reference v1.35 (core/v1, policy/v1), read 2026-11-21.
//! Deliberately absent: watches, caches, and reading kubeconfig files.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value as Json, json};

use super::node::NodeStatus;
use crate::base::Secret;
use crate::contract::{Fault, FaultClass};
use crate::target::http::{Answer, HttpClient, HttpError, HttpSettings, parse_url, with_path};

/// How many objects are asked for at once.
const PAGE: &str = "500";

/// Who asks.
#[derive(Debug, Clone)]
pub enum KubernetesCredentials {
    /// A bearer token.
    Token(Secret),
    /// A client certificate and its key, both in PEM.
    Certificate {
        /// The certificate.
        certificate: String,
        /// Its key.
        key: Secret,
    },
}

/// How to reach an API server.
#[derive(Debug, Clone)]
pub struct KubernetesSettings {
    /// Its address, such as `https://example.westus2.cloudapp.azure.com`; http is for loopback hosts only.
    pub server: String,
    /// The cluster's own certificate authority in PEM; the only one trusted. Without it the system's are.
    pub certificate_authority: Option<String>,
    /// Who asks.
    pub credentials: KubernetesCredentials,
    /// How to connect besides.
    pub http: HttpSettings,
}

/// A client of one API server.
#[derive(Debug, Clone)]
pub struct KubernetesClient {
    http: HttpClient,
    server: Url,
    token: Option<Secret>,
}

/// How an eviction was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Eviction {
    /// The pod goes, or is gone.
    Accepted,
    /// Not now, for this reason: a disruption budget, or too many requests.
    Refused(String),
}

impl KubernetesClient {
    /// A client. Nothing is sent yet.
    pub fn new(settings: KubernetesSettings) -> Result<Self, HttpError> {
        let KubernetesSettings { server, certificate_authority, credentials, mut http } = settings;
        if let Some(authority) = certificate_authority {
            http.root_certificates = vec![authority];
            http.only_these_roots = true;
        }
        let token = match credentials {
            KubernetesCredentials::Token(token) => Some(token),
            KubernetesCredentials::Certificate { certificate, key } => {
                http.identity = Some(Secret::new(format!("{}\n{}", certificate.trim_end(), key.expose())));
                None
            }
        };
        Ok(Self { http: HttpClient::new(&http)?, server: parse_url(&server)?, token })
    }

    /// The server's version, such as `v1.35.1`.
    pub async fn server_version(&self) -> Result<String, Fault> {
        let body = self.get(&["version"], &[]).await?.unwrap_or_default();
        body["gitVersion"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Fault::new(FaultClass::Unavailable, "NoVersion", "the API server does not tell its version"))
    }

    /// All nodes, by name.
    pub async fn nodes(&self) -> Result<Vec<NodeStatus>, Fault> {
        let mut nodes: Vec<_> = self.node_objects().await?.iter().map(NodeStatus::of).collect();
        nodes.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(nodes)
    }

    /// One node; nothing if it is not registered.
    pub async fn node(&self, name: &str) -> Result<Option<NodeStatus>, Fault> {
        Ok(self.get(&["api", "v1", "nodes", name], &[]).await?.as_ref().map(NodeStatus::of))
    }

    /// Lets no new pod onto a node. False if there is no such node.
    pub(super) async fn cordon(&self, name: &str) -> Result<bool, Fault> {
        let body = json!({ "spec": { "unschedulable": true } });
        Ok(self.merge(&["api", "v1", "nodes", name], &body).await?.is_some())
    }

    /// Removes a node object. One that is not there is removed.
    pub(super) async fn remove_node(&self, name: &str) -> Result<(), Fault> {
        let answer = self.send(Method::DELETE, &["api", "v1", "nodes", name], &[], None).await?;
        self.read(answer).map(|_| ())
    }

    /// The pods on a node.
    pub(super) async fn pods_on(&self, node: &str) -> Result<Vec<Json>, Fault> {
        self.list(&["api", "v1", "pods"], &[("fieldSelector", &format!("spec.nodeName={node}"))]).await
    }

    /// Asks that a pod be evicted within its disruption budget.
    pub(super) async fn evict(&self, namespace: &str, name: &str, uid: &str) -> Result<Eviction, Fault> {
        // With the id, a pod that has taken the name since is spared.
        let options = if uid.is_empty() { json!({}) } else { json!({ "preconditions": { "uid": uid } }) };
        let body = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": { "name": name, "namespace": namespace },
            "deleteOptions": options,
        });
        let path = ["api", "v1", "namespaces", namespace, "pods", name, "eviction"];
        let answer = self.send(Method::POST, &path, &[], Some(("application/json", &body))).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(Eviction::Accepted),
            // 409: it is another pod by now, or is being changed. 500: two budgets select it, which only people can mend.
            StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT | StatusCode::INTERNAL_SERVER_ERROR => {
                Ok(Eviction::Refused(reason(&answer)))
            }
            _ => self.read(answer).map(|_| Eviction::Accepted),
        }
    }

    /// All services, as they are now: a server that etcd's majority does not hear has no answer.
    pub(super) async fn services(&self) -> Result<Vec<Json>, Fault> {
        self.list(&["api", "v1", "services"], &[]).await
    }

    /// All nodes as the server tells them.
    pub(super) async fn node_objects(&self) -> Result<Vec<Json>, Fault> {
        self.list(&["api", "v1", "nodes"], &[]).await
    }

    /// Changes a service's status. False if there is no such service.
    pub(super) async fn put_service_status(&self, namespace: &str, name: &str, body: &Json) -> Result<bool, Fault> {
        Ok(self.merge(&["api", "v1", "namespaces", namespace, "services", name, "status"], body).await?.is_some())
    }

    /// Makes an event. One that is there already has been told.
    pub(super) async fn put_event(&self, body: &Json) -> Result<(), Fault> {
        let namespace = body["metadata"]["namespace"].as_str().unwrap_or_default();
        let path = ["api", "v1", "namespaces", namespace, "events"];
        let answer = self.send(Method::POST, &path, &[], Some(("application/json", body))).await?;
        if answer.status == StatusCode::CONFLICT { Ok(()) } else { self.read(answer).map(|_| ()) }
    }

    /// A Secret; nothing if it is not there.
    pub(super) async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Json>, Fault> {
        self.get(&["api", "v1", "namespaces", namespace, "secrets", name], &[]).await
    }

    /// Makes a Secret, or changes the one there is.
    pub(super) async fn put_secret(&self, namespace: &str, name: &str, body: &Json) -> Result<(), Fault> {
        let path = ["api", "v1", "namespaces", namespace, "secrets"];
        let answer = self.send(Method::POST, &path, &[], Some(("application/json", body))).await?;
        if answer.status != StatusCode::CONFLICT {
            return self.read(answer)?.map(|_| ()).ok_or_else(|| missing(namespace));
        }
        let path = ["api", "v1", "namespaces", namespace, "secrets", name];
        self.merge(&path, body).await?.map(|_| ()).ok_or_else(|| missing(name))
    }

    async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Option<Json>, Fault> {
        let answer = self.send(Method::GET, path, query, None).await?;
        self.read(answer)
    }

    async fn merge(&self, path: &[&str], body: &Json) -> Result<Option<Json>, Fault> {
        let answer = self.send(Method::PATCH, path, &[], Some(("application/merge-patch+json", body))).await?;
        self.read(answer)
    }

    /// All objects of a list, page by page.
    async fn list(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<Json>, Fault> {
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", PAGE));
            if let Some(next) = &next {
                query.push(("continue", next));
            }
            let mut body = self.get(path, &query).await?.ok_or_else(|| missing("the list"))?;
            if let Some(Json::Array(page)) = body.get_mut("items").map(Json::take) {
                items.extend(page);
            }
            next = body["metadata"]["continue"].as_str().filter(|next| !next.is_empty()).map(str::to_owned);
            if next.is_none() {
                return Ok(items);
            }
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<(&str, &Json)>,
    ) -> Result<Answer, Fault> {
        let mut url = with_path(&self.server, path.iter().copied());
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).header("Accept", "application/json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some((kind, body)) = body {
            request = request.header(CONTENT_TYPE, kind).body(body.to_string());
        }
        let mut answer = self.http.send(request).await?;
        if let Some(token) = self.token.as_ref().filter(|_| !answer.status.is_success()) {
            answer.scrub([token.expose()]);
        }
        Ok(answer)
    }

    /// The object of an answer; nothing if there is none by that name.
    fn read(&self, answer: Answer) -> Result<Option<Json>, Fault> {
        let body = answer.json().filter(Json::is_object);
        let is_status = body.as_ref().is_some_and(|body| body["kind"] == "Status");
        match (answer.status, body) {
            (status, Some(body)) if status.is_success() => Ok(Some(body)),
            // Only the API server's own word counts: a proxy may say 404 too.
            (StatusCode::NOT_FOUND, _) if is_status => Ok(None),
            _ => Err(fault(&answer, is_status)),
        }
    }
}

fn missing(what: &str) -> Fault {
    Fault::new(FaultClass::NotFound, "NotFound", format!("the API server does not know {what}"))
}

/// The message of a `Status`, with the causes that it lists (`details.causes[].message`).
fn reason(answer: &Answer) -> String {
    let body = answer.json().unwrap_or_default();
    let causes = body["details"]["causes"].as_array().into_iter().flatten();
    let mut told: Vec<&str> = causes.filter_map(|cause| cause["message"].as_str()).collect();
    if told.is_empty() {
        told.extend(body["message"].as_str());
    }
    if told.is_empty() { format!("the API server answered {}", answer.status.as_u16()) } else { told.join("; ") }
}

fn fault(answer: &Answer, is_status: bool) -> Fault {
    let status = answer.status.as_u16();
    if !is_status {
        let message = format!("the API server's address answers {status} and not Kubernetes: {}", answer.excerpt());
        let class = if status == 401 { FaultClass::Authentication } else { FaultClass::Unavailable };
        return Fault::new(class, "NotKubernetes", message)
            .help("The API server may not be up yet; if it is, see what answers at this address.");
    }
    let class = match status {
        401 => FaultClass::Authentication,
        403 => FaultClass::Forbidden,
        404 => FaultClass::NotFound,
        409 => FaultClass::Conflict,
        429 => FaultClass::Throttled,
        500.. => FaultClass::Transient,
        _ => FaultClass::Invalid,
    };
    let body = answer.json().unwrap_or_default();
    let code = body["reason"].as_str().unwrap_or_default();
    let mut fault = Fault::new(class, code, format!("the API server refuses: {}", reason(answer)));
    fault.retry_after =
        answer.header("retry-after").and_then(|text| text.parse().ok()).map(std::time::Duration::from_secs);
    match class {
        FaultClass::Authentication => {
            fault.help("Check the kubeconfig: its certificate may have ended, or be another cluster's.")
        }
        FaultClass::Forbidden => fault.help("The kubeconfig's user needs the rights of a cluster administrator."),
        _ => fault,
    }
}
