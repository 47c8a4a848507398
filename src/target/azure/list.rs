//! A page of a list, of which only ids and states are read: the bodies of a thousand machines are megabytes.

use reqwest::Url;
use serde::Deserialize;

use super::target::AzureTarget;
use crate::contract::{Address, Fault, FaultClass, Listed, Page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    value: Vec<Item>,
    #[serde(default)]
    next_link: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(default)]
    properties: Option<Properties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(default)]
    provisioning_state: Option<String>,
}

impl AzureTarget {
    /// Reads a page of the collection in which `member` lies.
    pub(super) async fn read_page(&self, member: &Address, next: Option<&str>) -> Result<Page, Fault> {
        let url = match next {
            Some(next) => Url::parse(next).map_err(|_| {
                Fault::new(FaultClass::Unavailable, "NextLink", "the next page of a list has no address")
            })?,
            None => {
                let mut url = self.pipeline.url_of(member);
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop();
                }
                url
            }
        };
        let body: Body = self
            .pipeline
            .read_as(&url)
            .await?
            .ok_or_else(|| Fault::new(FaultClass::Unavailable, "NoList", "the answer is no list of resources"))?;
        let items = body.value.into_iter().map(|item| Listed {
            id: item.id,
            state: item.properties.and_then(|properties| properties.provisioning_state),
        });
        Ok(Page { items: items.collect(), next: body.next_link.filter(|next| !next.is_empty()) })
    }
}
