//! The resource group.

use super::ExpandError;
use super::context::{Context, symbol};
use crate::graph::{GROUP_TYPE, Resource};

pub(super) fn build(context: &Context<'_>) -> Result<Vec<Resource>, ExpandError> {
    Ok(vec![context.resource(symbol::GROUP, GROUP_TYPE, context.scope.resource_group.as_str())?])
}
