//! The host behind a libvirt URI, as a step on the way to its machines.

use super::way::Hop;

/// Where the host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostOfUri {
    /// It is this machine.
    Here,
    /// It is reached by SSH.
    BySsh(Hop),
    /// It is reached otherwise, or by nothing that is known: no way leads through it.
    Otherwise,
}

/// Where the host is that a URI of libvirt names.
///
/// Source: <https://libvirt.org/uri.html>, from memory.
pub fn host_of_uri(uri: &str) -> HostOfUri {
    let Some((scheme, rest)) = uri.split_once("://") else { return HostOfUri::Otherwise };
    let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split('/').next().unwrap_or_default();
    match scheme.split_once('+') {
        None | Some((_, "unix")) if authority.is_empty() => return HostOfUri::Here,
        Some((_, "ssh" | "libssh" | "libssh2")) => {}
        _ => return HostOfUri::Otherwise,
    }
    let key = parameters.split('&').find_map(|parameter| parameter.strip_prefix("keyfile="));
    match Hop::of_destination(authority) {
        Some(Hop::Host { user, host, port, .. }) => {
            // What is escaped in it is left to SSH's own configuration.
            let identity = key.filter(|key| !key.is_empty() && !key.contains('%')).map(Into::into);
            HostOfUri::BySsh(Hop::Host { user, host, port, identity })
        }
        _ => HostOfUri::Otherwise,
    }
}
