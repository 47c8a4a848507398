//! The tag of the resource group that tells where the state is kept, so that a verb finds the cluster by its group from any
//! machine that may read both.

use super::{ClusterError, Session};
use crate::catalog::Cloud;
use crate::contract::Address;
use crate::graph::GROUP_TYPE;

/// The name of the tag.
pub const STATE_TAG: &str = "engineState";

/// The address that the session's resource group tells.
///
/// # Errors
/// No such group, or one without the tag.
pub async fn address_in_tags(session: &Session) -> Result<String, ClusterError> {
    let group = &session.scope.resource_group;
    let api_version = Cloud::Public.api_profile().api_version(GROUP_TYPE).unwrap_or_default();
    let address = Address::new(&session.scope, GROUP_TYPE, api_version, group);
    let untagged = |is_there: bool| ClusterError::Untagged { group: group.clone(), is_there };
    let observation = session.target.observe(&address).await?.ok_or_else(|| untagged(false))?;
    let tag = observation.body.pointer("/tags").and_then(|tags| tags.get(STATE_TAG)?.as_str());
    tag.map(str::to_owned).ok_or_else(|| untagged(true))
}
